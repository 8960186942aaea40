"""Objects out: HTML, PDF, rows, masks, DICOM segmentation, manifest."""

from marrowmap.report.result import AnalysisResult
from marrowmap.report.result import BoneReading
from marrowmap.report.result import JointReading
from marrowmap.report.write import write_report

__all__ = ["AnalysisResult", "BoneReading", "JointReading", "write_report"]
