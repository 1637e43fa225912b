"""The line of controls above a page: the job, what the page lets choose, how often it looks."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from analysis.notebooks import page
from analysis.notebooks.live import Frame, Live

Setter = Callable[[Any], None]


class Controls:
    """Controls and their look; marimo knows its elements as long as somebody holds them, which is this object.

    Args:
        mo: marimo.
        refresh: the page's timer.
        choices: more menus: name in the address -> (label, options: words -> value, value where none is chosen).
    """

    def __init__(
        self,
        mo: Any,
        live: Live,
        frame: Frame,
        refresh: Any,
        setters: tuple[Setter, Setter],
        choices: Mapping[str, tuple[str, Mapping[str, str], str]] | None = None,
    ) -> None:
        def choose(name: str) -> Callable[[str | None], None]:
            return lambda value: live.choose(name, value or "", *setters)

        listed = list(frame.jobs)
        if frame.job and frame.job.id not in [job.id for job in listed]:
            listed.append(frame.job)  # an old one, from the address
        options = page.menu(listed)
        current = next((words for words, known in options.items() if frame.job and known == frame.job.id), None)
        self.elements = [
            mo.ui.dropdown(
                options, value=current, on_change=choose("job"), allow_select_none=current is None, label="Job"
            )
        ]
        for name, (label, values, default) in (choices or {}).items():
            self.elements.append(_menu(mo, label, values, frame.get(name, default), choose(name)))
        self.refresh = refresh

    def shown(self, mo: Any) -> Any:
        """The line itself, with the style sheet of everything below it."""
        left = mo.hstack(self.elements, justify="start", align="start", wrap=True, gap=1)
        line = mo.hstack([left, self.refresh], justify="space-between", align="start", wrap=True)
        return mo.vstack([mo.Html(page.STYLE), line])


def _menu(mo: Any, label: str, values: Mapping[str, str], value: str, change: Callable[[str | None], None]) -> Any:
    current = next((words for words, known in values.items() if known == value), next(iter(values), None))
    return mo.ui.dropdown(dict(values), value=current, on_change=change, label=label)


def families(names: Sequence[str], every: str = "All") -> dict[str, str]:
    """The options of a menu of families."""
    from analysis.labels import family_name

    return ({every: ""} if every else {}) | {family_name(name): name for name in names}
