"""The versions of installed packages, for records and keys."""

from importlib.metadata import PackageNotFoundError, version


def installed_version(package: str) -> str | None:
    """The version; None where it is not installed, as callproof itself is not where it is run from its folder."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
