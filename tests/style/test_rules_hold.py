"""Our packages keep the rules of style."""

from collections.abc import Iterable

import pytest

from tests.style.rules import (
    PACKAGES,
    RULES,
    Rule,
    Source,
    no_registry_hosts,
    package_sources,
    published_texts,
)


@pytest.fixture(scope="module")
def sources() -> list[Source]:
    return package_sources()


def keep(rule: Rule, sources: Iterable[Source]) -> None:
    broken = [f"{source.path}:{line}: {what}" for source in sources for line, what in rule(source)]
    if broken:
        pytest.fail("\n".join(broken), pytrace=False)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_is_read(package: str, sources: list[Source]) -> None:
    assert any(source.path.startswith(f"{package}/") for source in sources)


@pytest.mark.parametrize("rule", RULES)
def test_packages_keep(rule: str, sources: list[Source]) -> None:
    keep(RULES[rule], sources)


def test_nothing_published_names_a_package_index() -> None:
    keep(no_registry_hosts, published_texts())
