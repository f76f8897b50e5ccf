"""JAX's own cache of compilations, with every entry under the user's own key.

What JAX finds in its cache it runs: machine code, and nothing there says who wrote it. Here JAX is given a cache that
hands over only what `harness.kept` has sealed; anything else counts as absent and is compiled again. There is no public
way to give it one, so where its module is not as it has been since 0.4.26, nothing is kept.
"""

from __future__ import annotations

from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from harness import kept

PURPOSE = "compilations"


class Sealed:
    """What JAX asks of a cache: `get` and `put` by key, and `_path`, which it writes into its log."""

    def __init__(self, top: Path, below: str) -> None:
        self._top, self._below, self._path = top, below, top / below

    def get(self, key: str) -> bytes | None:
        """What was put under this key by this user, or None."""
        return kept.load(PURPOSE, self._top, self._name(key))

    def put(self, key: str, value: bytes) -> None:
        """Keep it; where that cannot be, it costs the time to compile it again."""
        kept.store(PURPOSE, self._top, self._name(key), value)

    def _name(self, key: str) -> str:
        # a key begins with the name of the user's function, which may be no name of a file
        return f"{self._below}/{sha256(key.encode()).hexdigest()[:40]}.compiled"


def keep(jax: Any, top: Path, below: str) -> bool:
    """Have JAX keep what it compiles, whatever its size and compile time, in top/below; whether it does.

    Not in a worker that is shut in, which may write nothing, nor where the user chose another folder for JAX's cache.
    """
    chosen = getattr(jax.config, "jax_compilation_cache_dir", "absent")  # jax 0.4.20 has none
    if chosen == str(top / below):
        return True
    if chosen or kept.shut_in() or not _given(top, below):
        return False
    jax.config.update("jax_compilation_cache_dir", str(top / below))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    with suppress(AttributeError):  # XLA's own files beside it, which have no key
        jax.config.update("jax_persistent_cache_enable_xla_caches", "none")
    return True


def _given(top: Path, below: str) -> bool:
    """Whether JAX takes our cache for that folder; for every other one it has its own."""
    try:
        from jax._src import compilation_cache as module

        before, _ = module.get_file_cache, module.reset_cache
    except (ImportError, AttributeError):
        return False

    def get_file_cache(path: str) -> Any:
        return (Sealed(top, below), path) if str(path) == str(top / below) else before(path)

    module.get_file_cache = get_file_cache
    module.reset_cache()  # it remembers from its first compilation whether there was a cache
    return True
