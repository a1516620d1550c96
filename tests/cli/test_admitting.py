"""Waiting and knocking at the terminal."""

from __future__ import annotations

from collections.abc import Callable

from tests.cli.conftest import Shell

Person = Callable[[str], Shell]


def test_who_knocks_waits_with_a_sentence_until_the_host_admits(person: Person) -> None:
    host, ann = person("Dr Roe"), person("Ann")
    (made,) = host.json("new", "--title", "Knee", "--label", "patient", "--knock")
    joining = ann.start("join", "-")
    assert joining.stdin
    assert joining.stderr
    joining.stdin.write(made["link"].encode() + b"\n")
    joining.stdin.close()
    asked = joining.stderr.readline()
    assert b"You asked to come in" in asked, asked
    (waiting,) = host.json("waiting")
    assert (waiting["is"], waiting["name"], waiting["label"]) == ("asks", "Ann", "patient")
    host.run("admit", "Ann")
    assert joining.wait(60) == 0
    assert host.json("waiting") == []
    ann.run("send", "I am in")


def test_a_refusal_is_a_kind_sentence_with_a_code_of_its_own(person: Person) -> None:
    host, ann = person("Dr Roe"), person("Ann")
    (made,) = host.json("new", "--knock")
    joining = ann.start("join", "-")
    assert joining.stdin
    assert joining.stderr
    joining.stdin.write(made["link"].encode() + b"\n")
    joining.stdin.close()
    joining.stderr.readline()
    host.run("refuse")
    assert joining.wait(60) == 6
    assert b"did not let you in" in joining.stderr.read()
    late = person("Ben").run("join", "-", "--wait", "0", stdin=made["link"].encode(), code=8)
    assert b"Nobody has let you in" in late


def test_guests_wait_and_are_admitted_and_told_of_lateness(person: Person) -> None:
    host, ann = person("Dr Roe"), person("Ann")
    (made,) = host.json("new")
    ann.run("join", "-", stdin=made["link"].encode() + b"\n")
    (waiting,) = host.json("waiting")
    assert (waiting["is"], waiting["name"]) == ("waits", "Ann")
    host.run("late", "15")
    host.run("admit", "--all")
    assert host.json("waiting") == []
    ann.run("admit", "--all", code=6)
