import time

import pytest

from marrowmap.workflow.steps import Steps


def test_a_step_tells_its_share_of_the_whole():
    told = []
    steps = Steps(lambda name, share: told.append((name, round(share, 6))))
    with steps.step("reading", 0.2, 0.6) as inner:
        inner("headers", 0.5)
        inner("", 1.0)
    assert told == [("reading", 0.2), ("reading: headers", 0.4), ("reading", 0.6)]


def test_times_of_one_name_add_up():
    steps = Steps()
    for _ in range(2):
        with steps.step("waiting", 0, 1):
            time.sleep(0.02)
    assert list(steps.seconds) == ["waiting"]
    assert 0.04 <= steps.seconds["waiting"] < 5


def test_a_failed_step_is_timed_and_fails():
    steps = Steps()
    with pytest.raises(ValueError, match="broken"), steps.step("reading", 0, 1):
        raise ValueError("broken")
    assert "reading" in steps.seconds
