"""What the user prefers: napari's preferences under Plugin Preferences > XANES, kept in napari's folder of settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from napari.utils.notifications import show_warning

from napari_xanes import limits

PLUGIN = "napari-xanes"
_LONGEST_FILE = 1 << 20  # bytes; a larger file is none of settings


class Settings(NamedTuple):
    """The settings of a user; ranges, defaults and descriptions are in the manifest (`napari.yaml`)."""

    memory_gib: float
    """Largest stack to load into memory, in GiB."""

    threads: int
    """How many cores computations may take; 0 for all."""

    map_colours: str
    """Name of napari's colour map for the values of maps."""

    autosave_minutes: int
    """Minutes between automatic copies of the window; 0 for none."""

    @property
    def memory_bytes(self) -> int:
        """Largest stack to load into memory, in bytes."""
        return int(self.memory_gib * 2**30)


def settings() -> Settings:
    """Return what the user prefers now; defaults where the file of settings is broken, which is said once."""
    groups = _groups()
    return Settings(
        float(groups["opening"]["memory_gib"]),
        int(groups["computing"]["threads"]),
        str(groups["maps"]["colours"]),
        int(groups["projects"]["autosave_minutes"]),
    )


def apply_limits() -> None:
    """Let computations that begin from now on take the threads and the memory that the user prefers."""
    now = settings()
    limits.limit(threads=now.threads or None, memory=max(1, now.memory_bytes))


def _groups() -> dict[str, dict[str, Any]]:
    """Return the values of all settings, by group and key."""
    from napari.settings import get_plugin_settings

    _say_once_what_is_broken()
    try:
        stored: dict[str, dict[str, Any]] = get_plugin_settings(PLUGIN).model_dump()
    except (AssertionError, KeyError, OSError, ValueError):  # napari 0.9.2 asserts that a file of settings is a mapping
        stored = {}
    return {group: values | stored.get(group, {}) for group, values in _defaults().items()}


def _declared() -> dict[str, dict[str, Any]]:
    """Return what the manifest says of each setting, by group and key."""
    from npe2 import PluginManager

    groups = PluginManager.instance().get_manifest(PLUGIN).contributions.configurations or {}
    return {name: dict(group.properties) for name, group in groups.items()}


def _defaults() -> dict[str, dict[str, Any]]:
    return {name: {key: one.default for key, one in group.items()} for name, group in _declared().items()}


_looked_at: set[Path] = set()


def _say_once_what_is_broken() -> None:
    """Notify the user of a broken file: napari itself only logs it, and uses defaults."""
    path = settings_file()
    if path is None or path in _looked_at:
        return
    _looked_at.add(path)
    if reason := why_broken(path):
        show_warning(
            f"Default settings are used where {path.name} can't be: {reason}. To replace it, change a setting under "
            f"Preferences > XANES; to mend it, edit {path} and start napari again"
        )


def settings_file() -> Path | None:
    """Return the file that keeps the settings, or None if napari keeps none."""
    from napari.settings import get_settings

    path = get_settings().config_path
    return Path(path).parent / f"{PLUGIN}.yaml" if path else None


def why_broken(path: Path) -> str:
    """Return what is wrong with a file of settings, in words; no text if nothing is, or if there is no file."""
    import yaml

    if not path.is_file():
        return ""
    if path.stat().st_size > _LONGEST_FILE:
        return f"it is longer ({path.stat().st_size} bytes) than any file of settings"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        return f"it is no YAML ({' '.join(str(error).split())})"
    if content is not None and not isinstance(content, dict):
        return f"it holds no settings but {content!r:.60}"
    return _why_invalid(content or {})


def _why_invalid(content: dict[Any, Any]) -> str:
    """Return which values of a file of settings are none, with what is declared of them."""
    from jsonschema import ValidationError

    for name, group in _declared().items():
        values = content.get(name, {})
        if not isinstance(values, dict):
            return f"{name} is {values!r:.60}, no group of settings"
        for key, declared in group.items():
            try:
                declared.validate_instance(values.get(key, declared.default))
            except ValidationError as error:
                return f"{declared.title}: {error.message}"
    return ""
