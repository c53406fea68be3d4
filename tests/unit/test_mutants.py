"""The mutants of `make mutants` can be put in place: what each of them changes is still there, once."""

import pytest

from tests.mutants.mutants import MUTANTS, Mutant
from tests.support.schemas import REPOSITORY


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_what_a_mutant_changes_stands_once(mutant: Mutant) -> None:
    text = (REPOSITORY / "operator/pintle" / mutant.module).read_text()
    assert text.count(mutant.old) == 1
    assert mutant.old != mutant.new
