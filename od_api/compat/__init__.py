"""The names under which scripts and notebooks know the old API's functions.

    import od_api.compat
    od_api.compat.install()
    from object_detection.utils import label_map_util

`install` makes `import object_detection` find the modules of this package, and the
schema as `object_detection.protos`. Nothing else of the old API has its old name: the
table in docs/migrating.md says what to call instead.
"""

from od_api.compat.shim import install

__all__ = ["install"]
