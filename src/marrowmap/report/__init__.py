"""Objects out: HTML, PDF, rows, masks, DICOM segmentation, manifest."""

from marrowmap.report.result import AnalysisResult
from marrowmap.report.result import BoneReading
from marrowmap.report.result import JointReading

__all__ = ["AnalysisResult", "BoneReading", "JointReading"]
