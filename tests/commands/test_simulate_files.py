"""Files become objects: JSON and YAML, documents and lists; and what cannot be read is named by its place."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from scheduler.commands.simulation.documents import read_objects
from scheduler.commands.simulation.yaml_events import NotPlain, load_documents, read_documents
from scheduler.commands.snapshot import InvalidObject

NODE, POD = {"kind": "Node", "metadata": {"name": "n"}}, {"kind": "Pod", "metadata": {"name": "p"}}


def objects(tmp_path, text):
    file = tmp_path / "file"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return [(each.where.removeprefix(f"{file}: "), each.kind) for each in read_objects(str(file))]


def problem(tmp_path, text):
    with pytest.raises(InvalidObject) as failure:
        objects(tmp_path, text)
    return str(failure.value).removeprefix(f"{tmp_path / 'file'}: ")


def test_lists_and_single_objects_are_read_from_json_and_from_yaml(tmp_path):
    a_list = {"apiVersion": "v1", "kind": "List", "items": [NODE, POD]}
    found = [("document 1, items[0]", "Node"), ("document 1, items[1]", "Pod")]
    assert objects(tmp_path, json.dumps(a_list)) == found
    assert objects(tmp_path, yaml.safe_dump(a_list)) == found
    assert objects(tmp_path, json.dumps(POD)) == [("document 1", "Pod")]


def test_several_documents_are_counted_empty_ones_too(tmp_path):
    text = f"---\n{yaml.safe_dump(NODE)}---\n# nothing\n---\n{yaml.safe_dump(POD)}"
    assert objects(tmp_path, text) == [("document 1", "Node"), ("document 3", "Pod")]


def test_the_items_of_a_typed_list_need_no_kind(tmp_path):
    text = json.dumps({"kind": "PodList", "items": [{"metadata": {"name": "p"}}]})
    assert objects(tmp_path, text) == [("document 1, items[0]", "Pod")]
    assert objects(tmp_path, '{"kind": "PodList", "items": null}') == []


def test_fields_that_hold_nothing_are_as_good_as_absent(tmp_path):
    file = tmp_path / "file"
    file.write_text("kind: Pod\nmetadata: {name: p, creationTimestamp: null}\nspec:\n  nodeSelector:\n")
    (found,) = read_objects(str(file))
    assert found.as_object() == {"kind": "Pod", "metadata": {"name": "p"}, "spec": {}}


def test_anchors_and_merges_are_read_too(tmp_path):
    text = "kind: Pod\nmetadata: &m {name: p}\nspec: {<<: *m, other: *m}\n"
    file = tmp_path / "file"
    file.write_text(text)
    (found,) = read_objects(str(file))
    assert found.as_object()["spec"] == {"name": "p", "other": {"name": "p"}}


BAD = [
    ("", "is empty"),
    ("kind: Pod\n---\nkind: [\n", "document 2, line 4: not YAML: "),
    ("just words", "document 1: Expected `object`, got `str`"),
    ("metadata: {}", "document 1: kind: is missing"),
    ("kind: 3", "document 1: kind: Expected `str`, got `int`"),
    ("kind: List\nitems: {}", "document 1: Expected `array | null`, got `object`"),
    ("kind: List\nitems: [3]", "document 1, items[0]: Expected `object`, got `int`"),
    ("kind: List\nitems: [{}]", "document 1, items[0]: kind: is missing"),
    ("kind: Pod\n? [a]\n: 1", "document 1"),
    ("kind: &a [*a]", "document 1: not YAML that JSON can say: "),
    (b"kind: \xff", "document 1: not YAML that JSON can say: "),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_what_cannot_be_read_is_named_by_its_document(tmp_path, text, message):
    assert problem(tmp_path, text).startswith(message)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InvalidObject, match="nowhere: cannot be read: No such file"):
        list(read_objects(str(tmp_path / "nowhere")))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(st.lists(VALUES, min_size=1, max_size=3))
def test_the_quick_reader_reads_what_a_loader_reads(documents):
    text = yaml.safe_dump_all(documents, allow_unicode=True).encode()
    try:
        found = list(read_documents(text))
    except NotPlain:
        return
    assert found == list(load_documents(text))


PLAIN = "[yes, No, on, 1, 0x1f, 1_000, 1e3, 1.5, .inf, 12:30, 2024-01-01, 2024-01-01T00:00:00Z, ~, null, '', a, '1']"


def test_text_without_quotes_means_what_it_means_to_a_loader():
    assert list(read_documents(PLAIN.encode())) == list(load_documents(PLAIN.encode()))
