"""From files to one person's Exam."""

from marrowmap.image.nifti import read_nifti
from marrowmap.image.nifti import read_nifti_mask
from marrowmap.image.nifti import write_nifti
from marrowmap.ingest.describe_file import describe_file
from marrowmap.ingest.exam import Exam
from marrowmap.ingest.exam import Sequence
from marrowmap.ingest.exam import Series
from marrowmap.ingest.radiograph import Radiograph
from marrowmap.ingest.read_exam import read_exam
from marrowmap.ingest.scan import BoneScan
from marrowmap.ingest.scan import DynamicScan
from marrowmap.ingest.scan import Phase
from marrowmap.ingest.scan import Planar
from marrowmap.ingest.scan import Projections
from marrowmap.ingest.scan import Reconstruction
from marrowmap.values import Subject

__all__ = [
    "BoneScan",
    "DynamicScan",
    "Exam",
    "Phase",
    "Planar",
    "Projections",
    "Radiograph",
    "Reconstruction",
    "Sequence",
    "Series",
    "Subject",
    "describe_file",
    "read_exam",
    "read_nifti",
    "read_nifti_mask",
    "write_nifti",
]
