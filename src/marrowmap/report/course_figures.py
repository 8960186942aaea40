"""The pictures of a course: joints of the body over time, and each joint's measurements with recovery."""

from __future__ import annotations

import math
from collections.abc import Callable
from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
from matplotlib import dates as mpl_dates
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle

from marrowmap.course.activity import Activity
from marrowmap.course.episodes import activity_over_time
from marrowmap.course.recovery import Bounded
from marrowmap.course.review import CourseReview
from marrowmap.course.review import EpisodeRecovery
from marrowmap.course.trajectory import CONTROLS
from marrowmap.course.trajectory import Z95
from marrowmap.course.trajectory import Trajectory
from marrowmap.course.trajectory import leading
from marrowmap.report.canvas import INK
from marrowmap.report.canvas import Picture
from marrowmap.report.canvas import plain_style
from marrowmap.report.canvas import svg
from marrowmap.report.course_axis import break_axis
from marrowmap.values import Joint
from marrowmap.values import Side
from marrowmap.values.analyzed import Place
from marrowmap.values.course import Course
from marrowmap.values.course import Episode
from marrowmap.values.course import Outcome

STATE_COLORS = {Activity.ACTIVE: "#D55E00", Activity.QUIET: "#56B4E9", Activity.UNKNOWN: "#FFFFFF"}
STATE_WORDS = {Activity.ACTIVE: "active", Activity.QUIET: "quiet", Activity.UNKNOWN: "not examined, or cannot tell"}
EVENT_MARKS = {
    "pregnancy": "P",
    "treatment": "^",
    "weight_bearing": "s",
    "injury": "X",
    "pain": "d",
    "other": "o",
}
BODIES_SHOWN = 6
PANELS_SHOWN = 6
# A person from the front: the patient's right is on the left. x, y of each joint; a drawing, no measure.
_JOINT_AT = {Joint.HIP: (0.30, 0.62), Joint.KNEE: (0.24, 0.33), Joint.ANKLE: (0.20, 0.05)}
_FOLLOWED = ("edema_boundary_position", "delayed_ratio", "pool_ratio", "suv_mean", "bmd", "bone_volume_fraction")


def _number(day: date) -> float:
    """Return a day as matplotlib counts them."""
    return float(day.toordinal() - date(1970, 1, 1).toordinal())


def _dates_below(ax: Any) -> None:
    formatter: Any = mpl_dates.ConciseDateFormatter
    ax.xaxis.set_major_formatter(formatter(ax.xaxis.get_major_locator()))


def _at(place: Place) -> tuple[float, float]:
    x, y = _JOINT_AT[place.joint]
    return (x if place.side is Side.LEFT else -x), y


def _body(ax: Any) -> None:
    """Draw a body's outline from the front, limbs as lines."""
    line: dict[str, Any] = {"color": "#9aa3ab", "linewidth": 2.2, "solid_capstyle": "round", "zorder": 1}
    ax.add_patch(Circle((0, 1.30), 0.12, fill=False, edgecolor="#9aa3ab", linewidth=2.2))
    ax.plot([0, 0], [1.18, 0.72], **line)
    for side in (-1, 1):
        hip, knee, ankle = ((side * x, y) for x, y in _JOINT_AT.values())
        ax.plot([0, side * 0.30], [1.08, 1.04], **line)
        ax.plot([side * 0.30, side * 0.44, side * 0.50], [1.04, 0.82, 0.60], **line)
        ax.plot([0, hip[0]], [0.72, hip[1]], **line)
        ax.plot([hip[0], knee[0], ankle[0]], [hip[1], knee[1], ankle[1]], **line)
        ax.plot([ankle[0], ankle[0] + side * 0.1], [ankle[1], ankle[1] - 0.05], **line)
    ax.set_xlim(-0.68, 0.68)
    ax.set_ylim(-0.12, 1.48)
    ax.set_aspect("equal")
    ax.set_axis_off()


def places_of(course: Course) -> list[Place]:
    """Return every joint of exams and episodes: hip, knee, ankle, the right first."""
    found = {place for exam in course.exams for place in exam.places} | {e.place for e in course.episodes}
    return [p for joint in Joint for side in (Side.RIGHT, Side.LEFT) if (p := Place.of(joint, side)) in found]


def _shown_days(course: Course) -> list[date]:
    """Return the days drawn as bodies: all exams and stated beginnings, thinned evenly but for the first and last."""
    days = sorted({exam.day for exam in course.exams} | {episode.first_seen for episode in course.episodes})
    if len(days) <= BODIES_SHOWN:
        return days
    return [days[n] for n in np.linspace(0, len(days) - 1, BODIES_SHOWN).round().astype(int)]


def state_on(course: Course, place: Place, day: date) -> Activity:
    """Return what is known of a joint on a day: by its exam, else by a stated episode."""
    by_exam = {seen.day: seen.activity for seen in activity_over_time(course.exams, place)}
    if day in by_exam:
        return by_exam[day]
    for episode in course.episodes:
        if episode.place == place and episode.stated and day >= episode.start:
            if episode.end is not None and day >= episode.end:
                continue
            if day == episode.first_seen or (episode.end is not None and day < episode.end):
                return Activity.ACTIVE
    return Activity.UNKNOWN


def _bodies(axes: Sequence[Any], review: CourseReview, days: Sequence[date]) -> None:
    for ax, day in zip(axes, days, strict=True):
        _body(ax)
        for joint in _JOINT_AT:
            for side in Side:
                place = Place.of(joint, side)
                state = state_on(review.course, place, day)
                known = state is not Activity.UNKNOWN
                ax.add_patch(
                    Circle(
                        _at(place),
                        0.085 if known else 0.05,
                        facecolor=STATE_COLORS[state],
                        edgecolor=INK if known else "#9aa3ab",
                        linewidth=1.0,
                        zorder=3,
                    )
                )
        ax.set_title(day.isoformat(), fontsize=8)
    axes[0].text(-0.62, 0.32, "R", fontsize=8, weight="bold", ha="center")
    axes[0].text(0.62, 0.32, "L", fontsize=8, weight="bold", ha="center")


def _episode_bar(ax: Any, episode: Episode, lane: int, latest: date, at: Callable[[date], float]) -> None:
    end = episode.end or max((*episode.active, episode.first_seen))
    if episode.outcome is Outcome.ONGOING:
        end = latest
    start, stop = at(episode.start), at(end)
    ax.barh(
        lane, max(stop - start, 3.0), left=start, height=0.5, color=STATE_COLORS[Activity.ACTIVE], alpha=0.35, zorder=1
    )
    doubt = episode.onset.within_days
    if doubt:
        ax.plot([start - doubt, start + doubt], [lane, lane], color=INK, linewidth=1.0, zorder=2)
    ax.text(start, lane + 0.34, f"{episode.number}", fontsize=7, ha="left", va="bottom", color=INK)


def _moments(course: Course) -> list[date]:
    """Return every day that is drawn."""
    days = [exam.day for exam in course.exams]
    for episode in course.episodes:
        days += [day for day in (episode.start, episode.first_seen, episode.end) if day is not None]
    for event in course.events:
        days += [day for day in (event.day, event.end) if day is not None]
    return days


def _lanes(ax: Any, review: CourseReview, places: Sequence[Place]) -> None:
    course = review.course
    broken = break_axis(_moments(course))
    at = _number if broken is None else broken.at
    lanes = {place: len(places) - 1 - n for n, place in enumerate(places)}
    latest = max([exam.day for exam in course.exams] + [episode.first_seen for episode in course.episodes])
    for place, lane in lanes.items():
        ax.axhline(lane, color="#d9dde1", linewidth=0.8, zorder=0)
        for seen in activity_over_time(course.exams, place):
            ax.plot(at(seen.day), lane, "o", color=STATE_COLORS[seen.activity], mec=INK, mew=0.8, ms=6, zorder=3)
        told = {seen.day for seen in activity_over_time(course.exams, place)}
        for exam in course.exams:
            if place in exam.places and exam.day not in told:
                ax.plot(at(exam.day), lane, "o", color="white", mec="#777777", mew=0.8, ms=4.5, zorder=3)
    for episode in course.episodes:
        _episode_bar(ax, episode, lanes[episode.place], latest, at)
    by_number = {episode.number: episode for episode in course.episodes}
    for edge in review.edges:
        one, other = by_number[edge.earlier], by_number[edge.later]
        ax.annotate(
            "",
            xy=(at(other.start), lanes[other.place]),
            xytext=(at(one.start), lanes[one.place]),
            arrowprops={"arrowstyle": "-|>", "color": INK, "linewidth": 0.9, "connectionstyle": "arc3,rad=-0.15"},
            zorder=4,
        )
        middle = (at(one.start) + at(other.start)) / 2
        height = (lanes[one.place] + lanes[other.place]) / 2
        ax.text(middle, height + 0.12, f"{edge.step.value}, {edge.months:.1f} mo", fontsize=7, ha="center", va="bottom")
    for number, event in enumerate(course.events):
        # Neighbors step down, so that their words do not lie on each other.
        height = (lanes[event.place] - 0.32 if event.place in lanes else -0.75) - 0.2 * (number % 3)
        kind = event.kind.value
        ax.plot(at(event.day), height, EVENT_MARKS[kind], color="#009E73", ms=5, zorder=3)
        if event.end is not None:
            ax.plot([at(event.day), at(event.end)], [height, height], color="#009E73", linewidth=1.2)
        ax.annotate(
            kind.replace("_", " "),
            (at(event.day), height),
            (5, 0),
            textcoords="offset points",
            fontsize=6.5,
            va="center",
        )
    ax.set_yticks(list(lanes.values()), [str(place) for place in lanes])
    ax.set_ylim(-1.1 if course.events else -0.6, len(places) - 0.3)
    ax.margins(x=0.06)
    if broken is not None:
        broken.draw(ax)
    else:
        ax.xaxis_date()
        _dates_below(ax)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)


def draw_timeline(review: CourseReview) -> Picture:
    """Draw the body's joints at each exam, and below a lane for each joint with episodes, steps and events."""
    places = places_of(review.course)
    days = _shown_days(review.course)
    with plain_style():
        height = 2.35 + 0.8 + 0.52 * len(places)
        figure = Figure(figsize=(8.2, height), layout="constrained")
        parts: Any = figure.subfigures(2, 1, height_ratios=(2.35, height - 2.35))
        top, bottom = parts
        axes = top.subplots(1, max(len(days), 4), squeeze=False)[0]
        for ax in axes[len(days) :]:
            ax.set_axis_off()
        _bodies(axes[: len(days)], review, days)
        _lanes(bottom.subplots(), review, places)
        handles = [
            Line2D([], [], marker="o", linestyle="", color=color, mec=INK, label=STATE_WORDS[state])
            for state, color in STATE_COLORS.items()
        ]
        bottom.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=7.5)
        data = svg(figure)
    words = "; ".join(
        f"{day}: " + ", ".join(f"{p} {STATE_WORDS[state_on(review.course, p, day)]}" for p in places) for day in days
    )
    return Picture("course_timeline", "whole body", "svg", data, f"Joints of the body over time, front view. {words}.")


def _draw_points(ax: Any, trajectory: Trajectory) -> None:
    for point in trajectory.points:
        if point.below:
            ax.plot(point.day, point.value, "v", color="white", mec=INK, ms=5.5, zorder=4)
            continue
        error = None if point.error is None else Z95 * point.error
        ax.errorbar(point.day, point.value, error, fmt="o", color=INK, ms=4, capsize=2.5, linewidth=1.0, zorder=4)
    first = trajectory.points[0]
    if first.error is not None and not first.below:
        # Two equal errors: what another value must exceed to differ.
        reach = math.sqrt(2) * Z95 * first.error
        ax.axhspan(first.value - reach, first.value + reach, color="#0072B2", alpha=0.10, linewidth=0)


def time_shown(time: Bounded, span: float) -> tuple[tuple[float, float] | None, float | None]:
    """Return what of a time to normal and its interval lies within the `span` months drawn; None where nothing does."""
    bar = (time.low, min(time.high, span)) if time.low < span and math.isfinite(time.value) else None
    return bar, time.value if time.value <= span else None


def _draw_recovery(ax: Any, found: EpisodeRecovery, latest: date) -> None:
    fit, start = found.recovery, found.start
    if fit is None or start is None:
        return
    span = max((latest - start).days / 30.4375 * 1.15, 3.0)
    if math.isfinite(fit.time_to_normal.value):
        span = min(max(span, 1.15 * fit.time_to_normal.value), 5 * span)
    months = np.linspace(0, span, 120)
    days = _number(start) + months * 30.4375
    low, high = fit.band_at(months)
    sign, base = (-1.0, found.baseline) if found.baseline is not None else (1.0, 0.0)
    ax.fill_between(days, base + sign * low, base + sign * high, color="#D55E00", alpha=0.18, linewidth=0)
    ax.plot(days, base + sign * fit.value_at(months), color="#D55E00", linewidth=1.3)
    ax.axhline(base + sign * fit.normal, color="#009E73", linewidth=0.9, linestyle="--")
    y = base + sign * fit.normal
    bar, tick = time_shown(fit.time_to_normal, span)
    if bar is not None:
        x = [_number(start) + 30.4375 * end for end in bar]
        ax.plot(x, [y, y], color="#009E73", linewidth=3.0, alpha=0.6, solid_capstyle="butt", zorder=5)
    if tick is not None:
        ax.plot(_number(start) + 30.4375 * tick, y, "|", color="#009E73", ms=11, mew=2, zorder=6)


def _panels(review: CourseReview, place: Place) -> list[Trajectory]:
    """Return what is drawn of a joint: whole-bone edema first, then others followed over two exams or more."""
    first = leading(review.trajectories, place)
    mine = [one for one in review.trajectories if one.place == place and one is not first]
    others = [one for one in mine if len(one.points) > 1 and one.quantity in _FOLLOWED and one.quantity not in CONTROLS]
    others.sort(key=lambda one: (_FOLLOWED.index(one.quantity), one.region))
    lead = [first] if first is not None and len(first.points) > 1 else []
    return [*lead, *others][:PANELS_SHOWN]


def draw_trajectories(review: CourseReview, place: Place) -> Picture | None:
    """Draw a joint's measurements with their 95 % intervals, the band of repeatability and the fitted recovery."""
    shown = _panels(review, place)
    if not shown:
        return None
    latest = max(exam.day for exam in review.course.exams)
    rows = math.ceil(len(shown) / 2)
    with plain_style():
        figure = Figure(figsize=(8.2 if len(shown) > 1 else 5.2, 2.5 * rows), layout="constrained")
        axes = figure.subplots(rows, min(len(shown), 2), squeeze=False).ravel()
        for ax in axes[len(shown) :]:
            ax.set_axis_off()
        for ax, trajectory in zip(axes, shown, strict=False):
            _draw_points(ax, trajectory)
            for found in review.recoveries:
                if found.trajectory == trajectory:
                    _draw_recovery(ax, found, latest)
            unit = "" if trajectory.unit == "1" else f", {trajectory.unit}"
            ax.set_title(
                f"{trajectory.region}: {trajectory.quantity}{unit}".replace("_", " "), fontsize=8.5, loc="left"
            )
            if trajectory.quantity == "edema_volume":
                ax.set_ylim(bottom=0)
            ax.margins(x=0.08)
            _dates_below(ax)
            ax.tick_params(labelsize=7.5)
        data = svg(figure)
    names = "; ".join(f"{one.region} {one.quantity}".replace("_", " ") for one in shown)
    return Picture("course_trajectories", str(place), "svg", data, f"{place} over time with error bars: {names}.")
