"""Which installed packages a package needs."""

from importlib.metadata import requires

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def closure(name, extras, seen=None):
    """Return the installed packages that a package needs with those extras, itself included."""
    seen = set() if seen is None else seen
    key = (canonicalize_name(name), frozenset(extras))
    if key not in seen:
        seen.add(key)
        for line in requires(name) or ():
            needed = Requirement(line)
            if not needed.marker or any(needed.marker.evaluate({"extra": extra}) for extra in {"", *extras}):
                closure(needed.name, needed.extras, seen)
    return {name for name, _ in seen}
