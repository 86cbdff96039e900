"""One table of a benchmark: for each work the best peer of the same run, ours, their ratio and what is asked for."""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Goal:
    work: str
    unit: str
    asked: float | None  # None: measured only
    more: bool = False  # more is better


def _reached(goal, value):
    return goal.asked is None or (value >= goal.asked if goal.more else value <= goal.asked)


def first_of_ours(names):
    """Whose goals they are: the others are the peers."""
    return next((name for name in names if name.startswith("quartet")), "quartet")


def print_table(goals, results, ours):
    """`results`: {store: {work: value}}; a store without a work's value does not offer it."""
    print(f"\n{'work':34}{'unit':>8}{'best peer':>12}  {'which':18}{ours:>12}{'ratio':>8}{'asked':>10}")
    for goal in goals:
        peers = {name: rows[goal.work] for name, rows in results.items() if name != ours and goal.work in rows}
        best = (max if goal.more else min)(peers, key=peers.get) if peers else None
        mine = results.get(ours, {}).get(goal.work)
        ratio = "" if best is None or not mine or not peers[best] else f"{mine / peers[best] if goal.more else peers[best] / mine:.1f}"
        cell = lambda value: "-" if value is None else f"{value:.4g}" if value < 10000 else f"{value:.0f}"
        print(f"{goal.work:34}{goal.unit:>8}{cell(peers.get(best)):>12}  {best or '-':18}{cell(mine):>12}{ratio:>8}{cell(goal.asked):>10}"
              + ("" if mine is None or _reached(goal, mine) else "  missed"))


def shortfalls(goals, values):
    """A sentence for each goal that our values do not reach."""
    for goal in goals:
        if goal.work not in values:
            if goal.asked is not None:
                yield f"{goal.work} is not offered"
        elif not _reached(goal, values[goal.work]):
            yield f"{goal.work}: {values[goal.work]:.4g} {goal.unit}, {goal.asked:g} are asked for"
