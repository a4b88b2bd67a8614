"""Addresses: one page has one of them, and a private network is known in each of its forms."""

from __future__ import annotations

import pytest

from ftui.collect.network import named_network, network_of
from ftui.collect.patterns import Patterns, normal_pattern
from ftui.collect.site import normalise, site_of, tidied


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("HTTP://Example.COM:80", "http://example.com/"),
        ("https://example.com.:443/a#part", "https://example.com/a"),
        ("https://example.com:8443/a?b#c", "https://example.com:8443/a?b"),
        (" https://example.com/a b?c d ", "https://example.com/a%20b?c%20d"),
        ("https://example.com/%7Ea/%20", "https://example.com/%7Ea/%20"),
        ("https://straße.test/größe", "https://xn--strae-oqa.test/gr%C3%B6%C3%9Fe"),
        ("http://[::1]:8080/", "http://[::1]:8080/"),
        ("http://user:secret@example.com/", "http://example.com/"),
        ("https://example.com/\ud800", "https://example.com/%3F"),
        ("mailto:me@example.com", ""),
        ("file:///etc/passwd", ""),
        ("javascript:alert(1)", ""),
        ("http://", ""),
        ("http://example.com:99999/", ""),
        ("http://[::1", ""),
        ("http://.../", ""),
        ("http://a<b.test/", ""),
        ("http://a%7bb.test/", ""),
        ("http://a_b.test/", "http://a_b.test/"),
        ("http://[fe80::1%eth0]/", "http://[fe80::1%eth0]/"),
        ("", ""),
    ],
)
def test_an_address_has_one_form(given: str, wanted: str) -> None:
    assert normalise(given) == wanted
    assert normalise(wanted) == wanted


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("https://x.test/?b=1&a=2", "https://x.test/?a=2&b=1"),
        ("https://x.test/?a=2&a=1", "https://x.test/?a=2&a=1"),
        ("https://x.test/?utm_source=x&UTM_medium=y&gclid=z", "https://x.test/"),
        ("https://x.test/?id=1&PHPSESSID=abc", "https://x.test/?id=1"),
        ("https://x.test/?b&a", "https://x.test/?b&a"),
        ("https://x.test/?", "https://x.test/?"),
        ("https://x.test/a", "https://x.test/a"),
    ],
)
def test_parameters_have_one_order(given: str, wanted: str) -> None:
    assert tidied(given) == wanted


@pytest.mark.parametrize("link", ["http://[", "//[x", "http://a]/", "http://a[b]/", "http://x\u2100y/"])
def test_what_is_no_address_beside_another_is_none(link: str) -> None:
    assert normalise(link, "https://x.test/a") == ""


def test_a_site_is_its_host_and_port() -> None:
    same = {site_of(normalise(url)) for url in ("http://x.test", "https://www.x.test/a", "https://X.test/?b")}
    assert same == {"x.test"}
    assert site_of("http://x.test:8080/") != site_of("http://x.test/")


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("8.8.8.8", ""),
        ("2606:4700::1", ""),
        ("127.8.0.1", "127.0.0.0/8"),
        ("0.0.0.0", "127.0.0.0/8"),
        ("::1", "127.0.0.0/8"),
        ("::", "127.0.0.0/8"),
        ("10.1.2.3", "10.0.0.0/8"),
        ("172.31.0.1", "172.16.0.0/12"),
        ("172.32.0.1", ""),
        ("192.168.1.1", "192.168.0.0/16"),
        ("169.254.169.254", "169.254.0.0/16"),
        ("100.64.0.1", "100.64.0.0/10"),
        ("fd00::1", "fc00::/7"),
        ("fe80::1%eth0", "fe80::/10"),
        ("::ffff:10.0.0.1", "10.0.0.0/8"),
        ("64:ff9b::a00:1", "10.0.0.0/8"),
        ("2002:a00:1::", "10.0.0.0/8"),
        ("240.0.0.1", "reserved"),
        ("224.0.0.251", "reserved"),
    ],
)
def test_private_networks(address: str, network: str) -> None:
    assert network_of(address) == network
    assert named_network(address.partition("%")[0]) == network


def test_names_of_this_machine_and_others() -> None:
    assert named_network("localhost") == named_network("app.localhost") == "127.0.0.0/8"
    assert named_network("example.com") == ""


@pytest.mark.parametrize(
    ("include", "exclude", "path", "wanted"),
    [
        ((), (), "/a", True),
        (("/docs/*",), (), "/docs/a/b", True),
        (("/docs/*",), (), "/docs", False),
        (("/docs/*",), (), "/docs/a?x=1", True),
        (("*.html",), (), "/a/b.html?x=1", True),
        (("*?x=*",), (), "/a/b.html?x=1", True),
        (("/a*c*e",), (), "/abcde", True),
        (("/a*c*e",), (), "/abcd", False),
        (("/a.b",), (), "/axb", False),
        ((), ("*/old/*",), "/x/old/y", False),
        (("/x/*",), ("*/old/*",), "/x/new/y", True),
        (("/" + "*a" * 30 + "b",), (), "/" + "a" * 1900, False),
    ],
)
def test_patterns(include: tuple[str, ...], exclude: tuple[str, ...], path: str, wanted: bool) -> None:
    assert Patterns(include, exclude).wants(f"https://x.test{path}") is wanted


def test_a_pattern_begins_at_the_root() -> None:
    assert [normal_pattern(pattern) for pattern in ("docs/**", "/a", "*x")] == ["/docs/*", "/a", "*x"]
