from __future__ import annotations

from dataclasses import replace

import pytest

from fsp_ray.models import list_packs, show_pack
from fsp_ray.models.convert import CONVERTERS
from fsp_ray.models.manifest import ROLES


def test_the_open_pack_is_there_and_knows_all_roles():
    assert "open" in [pack.name for pack in list_packs()]
    assert {role for entry in show_pack("open").models for role in entry.roles} == set(ROLES)


@pytest.mark.parametrize("entry", show_pack("open").models, ids=lambda entry: entry.name)
def test_every_model_says_where_it_is_from_and_may_be_used(entry):
    assert entry.licence
    assert entry.source
    assert entry.converter in CONVERTERS
    assert entry.sha256 == entry.sha256.lower()


def test_an_unknown_model_is_a_key_error():
    with pytest.raises(KeyError):
        show_pack("open").model("nothing")


def test_a_pack_without_a_role_is_refused():
    pack = show_pack("open")
    with pytest.raises(ValueError, match="nothing for auditor"):
        replace(pack, models=tuple(m for m in pack.models if m.name != "dlib"))
    with pytest.raises(ValueError, match="twice"):
        replace(pack, models=(*pack.models, pack.models[0]))


def test_a_wrong_entry_is_refused():
    entry = show_pack("open").models[0]
    with pytest.raises(ValueError, match="roles"):
        replace(entry, roles=("judge",))
    with pytest.raises(ValueError, match="64 hex digits"):
        replace(entry, sha256="12")
