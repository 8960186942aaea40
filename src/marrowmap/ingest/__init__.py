"""From files to one person's Exam."""

from marrowmap.image.nifti import read_nifti
from marrowmap.image.nifti import read_nifti_mask
from marrowmap.image.nifti import write_nifti
from marrowmap.ingest.exam import Exam
from marrowmap.ingest.exam import Sequence
from marrowmap.ingest.exam import Series
from marrowmap.ingest.exam import Subject
from marrowmap.ingest.read_exam import describe_file
from marrowmap.ingest.read_exam import read_exam

__all__ = [
    "Exam",
    "Sequence",
    "Series",
    "Subject",
    "describe_file",
    "read_exam",
    "read_nifti",
    "read_nifti_mask",
    "write_nifti",
]
