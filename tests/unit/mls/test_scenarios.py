"""Random lives of groups: everybody agrees after every step."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from careseal.mls import (
    CipherSuite,
    GroupContextExtensions,
    PreSharedKey,
    Psk,
    ReceivedApplication,
    Remove,
    RequiredCapabilities,
    external_psk_id,
)
from tests.unit.mls.world import FAST, RNG, XWING, World

MOST = 9
PSK = Psk(b"a key that all of them have")
REQUIRED = RequiredCapabilities(credentials=(1,)).extension()


class Life(World):
    """A world that grows and shrinks by chance."""

    def __init__(self, draw: st.DataObject, suite: CipherSuite) -> None:
        super().__init__(1, suite)
        self.draw, self.born = draw, 1

    def somebody(self) -> str:
        return self.draw.draw(st.sampled_from(sorted(self.groups)))

    def newborn(self) -> str:
        self.born += 1
        return f"m{self.born}"

    def others(self, name: str) -> list[str]:
        return sorted(self.groups.keys() - {name})

    def step(self) -> None:
        actions = ["update", "psk", "extensions", "talk"]
        if len(self.groups) < MOST:
            actions += ["join", "add"]
        if len(self.groups) > 1:
            actions += ["remove", "resync", "propose"]
        getattr(self, self.draw.draw(st.sampled_from(actions)))()

    def update(self) -> None:
        self.commit(self.somebody(), private=self.draw.draw(st.booleans()))

    def psk(self) -> None:
        proposal = PreSharedKey(external_psk_id(self.suite, b"id", RNG))
        force_path = self.draw.draw(st.booleans())
        self.commit(self.somebody(), [proposal], lambda _: PSK, force_path=force_path)

    def extensions(self) -> None:
        extensions = (REQUIRED,) if self.draw.draw(st.booleans()) else ()
        self.commit(self.somebody(), [GroupContextExtensions(extensions)])

    def talk(self) -> None:
        name = self.somebody()
        self.groups[name], message = self[name].encrypt(b"text", RNG, padding=3)
        for other in self.others(name):
            self.groups[other], received = self[other].receive(message)
            assert isinstance(received, ReceivedApplication)
            assert received.data == b"text"

    def join(self, name: str | None = None) -> None:
        super().join(name or self.newborn())

    def add(self, by: str | None = None, *names: str, force_path: bool | None = None) -> None:
        names = names or tuple(self.newborn() for _ in range(self.draw.draw(st.integers(1, 3))))
        path = self.draw.draw(st.booleans()) if force_path is None else force_path
        super().add(by or self.somebody(), *names, force_path=path)

    def remove(self) -> None:
        name = self.somebody()
        size = st.integers(1, min(3, len(self.groups) - 1))
        gone = self.draw.draw(st.permutations(self.others(name)))[: self.draw.draw(size)]
        self.commit(name, [Remove(self[each].own_leaf) for each in gone])

    def resync(self, name: str | None = None) -> None:
        super().resync(name or self.somebody())

    def propose(self, *_: object) -> None:
        """Some ask for updates, and for somebody's removal; another commits it all."""
        committer = self.somebody()
        asking = self.draw.draw(st.sets(st.sampled_from(self.others(committer)), max_size=3))
        for name in sorted(asking):
            private = self.draw.draw(st.booleans())
            group, message = self[name].propose_update(RNG, private=private)
            super().propose(name, message, group)
        idle = [name for name in self.others(committer) if name not in asking]
        if idle and asking and self.draw.draw(st.booleans()):
            proposer = sorted(asking)[0]
            group, message = self[proposer].propose(Remove(self[idle[0]].own_leaf), RNG)
            super().propose(proposer, message, group)
        self.commit(committer, force_path=self.draw.draw(st.booleans()))


@settings(max_examples=40)
@given(st.data())
def test_everybody_agrees_whatever_happens(draw: st.DataObject) -> None:
    life = Life(draw, FAST)
    for _ in range(draw.draw(st.integers(5, 25))):
        life.step()


@settings(max_examples=5)
@given(st.data())
def test_everybody_agrees_with_xwing_too(draw: st.DataObject) -> None:
    life = Life(draw, XWING)
    for _ in range(15):
        life.step()
