"""Translation memories: which texts of which languages are read, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pellucid.config import Plan, Settings, Size
from pellucid.data.readers.tmx import code_of, memories, read_memories, sources_of
from pellucid.errors import ConfigError, DataError
from pellucid.interfaces.cli import main
from pellucid.network.encoder_decoder import SOURCE
from pellucid.recipe import Watcher
from pellucid.uses import Source, asked, learn
from pellucid.uses.answerers import load_answerer
from pellucid.uses.translate.layout import read_pairs

HEAD = '<?xml version="1.0" encoding="{}"?>\n'
TYPE = '<!DOCTYPE tmx SYSTEM "tmx14.dtd">\n'


def unit(**texts: str) -> str:
    """One unit; an underscore stands for the dash of a code."""
    said = "".join(
        f'<tuv xml:lang="{code.replace("_", "-")}"><seg>{text}</seg></tuv>'
        for code, text in texts.items()
    )
    return f"<tu>{said}</tu>\n"


def written(body: str, written_in: str = "*all*") -> str:
    header = f'<header creationtool="x" srclang="{written_in}" segtype="sentence"/>'
    return f'<tmx version="1.4">{header}<body>\n{body}</body></tmx>'


def saved(
    folder: Path, body: str, written_in: str = "*all*", name: str = "Speicher für Öl.tmx"
) -> Path:
    path = folder / name
    path.write_text(HEAD.format("UTF-8") + written(body, written_in), "utf-8")
    return path


def pairs_of(path: Path, target: str | None = None) -> list[tuple[str, str]]:
    found = read_memories(path, target)
    return list(zip(found.sources, found.answers, strict=True))


# --- texts ----------------------------------------------------------------------------------------


def test_units_are_pairs_and_those_that_lack_a_side_are_set_aside(tmp_path: Path) -> None:
    body = (
        unit(de="Öffnen &amp; &lt;los&gt;", en="Open &amp; &#103;o")
        + unit(en="Only English")
        + unit(en="No answer", de="  ")
        + "<tu><note>no language</note><tuv><seg>lost</seg></tuv></tu>\n"
        + '<tu><prop type="x">p</prop><note>n</note><tuv xml:lang="en"><note>n</note>'
        "<seg>Close</seg></tuv><tuv xml:lang='de'><seg>Schließen</seg></tuv></tu>"
    )
    found = read_memories(saved(tmp_path, body))
    assert found.names == ("en", "de")
    assert found.name == "Speicher für Öl.tmx"
    assert list(zip(found.sources, found.answers, strict=True)) == [
        ("Open & go", "Öffnen & <los>"),
        ("Close", "Schließen"),
    ]
    assert found.places == [f"{found.name} unit 1 (line 3)", f"{found.name} unit 5 (line 7)"]
    reasons = {refused.place.partition(" unit ")[2]: refused.why for refused in found.refused}
    assert reasons == {
        "2 (line 4)": "no text in 'de': it has en",
        "3 (line 5)": "no answer",
        "4 (line 6)": "no text in 'en' and 'de': it has nothing",
    }


@pytest.mark.parametrize(
    ("segment", "text"),
    [
        # Codes are no text: begun and ended, alone, torn apart, unknown.
        ('Press <bpt i="1">&lt;b></bpt>OK<ept i="1">&lt;/b></ept>!', "Press OK!"),
        ('un<bpt i="1">{\\b </bpt>believ<ept i="1">}</ept>able', "unbelievable"),
        ('a <it pos="begin">&lt;i></it> b', "a b"),
        ('one<ph type="lb">&lt;br/></ph>two', "one two"),
        ('one<ph type="index">{x}</ph>two', "onetwo"),
        ("old <ut>{code}</ut>way", "old way"),
        # What is highlighted is text; so is what an unknown element holds.
        ('keep <hi type="term">each <hi>word</hi></hi>, <g id="1">all</g>', "keep each word, all"),
        # The footnote inside of a code is no part of the sentence.
        ("Ark<ph>&lt;fn><sub>a <hi>boat</hi></sub></ph> ends", "Ark ends"),
        # Without codes, blanks are as they were written.
        ("\n  two  blanks\n", "two  blanks"),
        ("<![CDATA[<b>&]]>x", "<b>&x"),
    ],
)  # fmt: skip
def test_codes_are_dropped_and_text_is_kept(tmp_path: Path, segment: str, text: str) -> None:
    assert pairs_of(saved(tmp_path, unit(en=segment, de="da"))) == [(text, "da")]


# --- languages ------------------------------------------------------------------------------------


def test_codes_are_written_as_the_standard_does() -> None:
    said = ["EN-us", "pt_BR", "zh-hant-tw", "DE", " fr "]
    assert [code_of(one) for one in said] == ["en-US", "pt-BR", "zh-Hant-TW", "de", "fr"]


def test_variants_are_one_language(tmp_path: Path) -> None:
    body = (
        unit(EN_US="color", de_DE="Farbe")
        + unit(en_GB="colour", de_AT="Farbton")
        + unit(en_GB="lift", en_US="elevator", de="Aufzug")
    )
    found = read_memories(saved(tmp_path, body))
    assert found.names == ("en", "de")
    assert found.sources == ["color", "colour", "lift"]  # the first one of a unit
    assert found.answers == ["Farbe", "Farbton", "Aufzug"]
    assert any("'en' is en-US and en-GB: of a unit" in note for note in found.notes)
    # What the memory was written in comes first.
    assert pairs_of(saved(tmp_path, body, "en-us"))[2] == ("elevator", "Aufzug")
    # One variant alone, by name.
    only = read_memories(saved(tmp_path, body), "de-at")
    assert only.names == ("en", "de-AT")
    assert only.answers == ["Farbton"]
    assert len(only.refused) == 2


def test_variants_alone_are_two_languages(tmp_path: Path) -> None:
    path = saved(tmp_path, unit(pt_PT="ecrã", pt_BR="tela"), "pt-PT")
    assert read_memories(path).names == ("pt-PT", "pt-BR")
    assert pairs_of(path) == [("ecrã", "tela")]
    assert pairs_of(path, "pt-PT") == [("tela", "ecrã")]


def test_which_side_is_the_source(tmp_path: Path) -> None:
    both = unit(de="Hund", fr="chien")
    assert read_memories(saved(tmp_path, both)).names == ("de", "fr")
    assert read_memories(saved(tmp_path, both, "fr-CA")).names == ("fr", "de")
    assert read_memories(saved(tmp_path, both, "fr"), "fr").names == ("de", "fr")
    assert read_memories(saved(tmp_path, unit(de="Hund", en="dog"))).names == ("en", "de")


def test_of_many_languages_one_must_be_named(tmp_path: Path) -> None:
    body = unit(de="Hund", en="dog", fr="chien") + unit(de="Katze", fr="chat")
    path = saved(tmp_path, body)
    with pytest.raises(ConfigError, match="3 languages: into which") as caught:
        read_memories(path)
    assert caught.value.where == "de 2, fr 2, en 1"
    assert "--target" in caught.value.fix
    assert read_memories(path, "de").names == ("en", "de")
    assert read_memories(path, "en").names == ("de", "en")
    assert read_memories(saved(tmp_path, body, "de"), "fr").sources == ["Hund", "Katze"]
    with pytest.raises(ConfigError, match="no text is in 'ge'") as caught:
        read_memories(path, "ge")
    assert "choose one of: de, en, fr" in caught.value.fix


def test_old_memories_say_lang(tmp_path: Path) -> None:
    path = tmp_path / "old.TMX"
    path.write_text(
        '<!DOCTYPE TMX SYSTEM "tmx11.dtd"><TMX VERSION="1.1"><HEADER SRCLANG="DE"/><BODY><TU>'
        '<TUV LANG="EN-US"><SEG>cat</SEG></TUV><TUV LANG="DE"><SEG>Katze</SEG></TUV></TU>'
        "</BODY></TMX>"
    )
    assert read_memories(path).names == ("de", "en")
    assert pairs_of(path) == [("Katze", "cat")]


def test_a_memory_of_one_language_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"texts in 'en'; pairs need two"):
        read_memories(saved(tmp_path, unit(en="dog")))
    with pytest.raises(DataError, match=r"texts in no language"):
        read_memories(saved(tmp_path, ""))


# --- encodings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "bytes_in"),
    [
        ("UTF-8", "utf-8"),
        ("UTF-8", "utf-8-sig"),
        ("UTF-16", "utf-16"),
        ("UTF-16", "utf-16-be"),  # without a mark
        ("utf-16le", "utf-16-le"),
        ("UTF-16", "utf-8"),  # converted since it was written
        ("ISO-8859-1", "latin-1"),
        ("windows-1252", "cp1252"),
        ("iso-8859-2", "iso-8859-2"),
        ("Shift_JIS", "shift_jis"),  # more than a byte a letter, which expat itself can't read
        ("gb18030", "gb18030"),
    ],
)
def test_the_declaration_says_the_encoding(tmp_path: Path, declared: str, bytes_in: str) -> None:
    foreign = "犬" if bytes_in in ("shift_jis", "gb18030") else "größer"
    path = tmp_path / "m.tmx"
    text = HEAD.format(declared) + TYPE + written(unit(en="dog", xx=foreign) * 40)
    path.write_bytes(text.encode(bytes_in))
    assert pairs_of(path) == [("dog", foreign)] * 40


def test_a_piece_may_end_within_a_letter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pellucid.data.readers.tmx.PIECE", 7)
    for encoding in ("utf-8", "utf-16"):
        path = tmp_path / "m.tmx"
        text = HEAD.format(encoding) + written(unit(en="dög 🙂", de="Hünd 🙂") * 3)
        path.write_bytes(text.encode(encoding))
        assert pairs_of(path) == [("dög 🙂", "Hünd 🙂")] * 3


def test_bytes_that_are_not_in_the_encoding_are_named(tmp_path: Path) -> None:
    path = tmp_path / "m.tmx"
    text = HEAD.format("UTF-8") + written(unit(en="dog", de="Hund") + "<!-- ä -->")
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match="not in UTF-8 throughout") as caught:
        read_memories(path)
    assert caught.value.where.endswith("m.tmx line 4, column 6")
    path.write_text(HEAD.format("klingon") + written(unit(en="dog", de="Hund")))
    with pytest.raises(DataError, match="'klingon', which is not known"):
        read_memories(path)


# --- broken and hostile ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "what", "place"),
    [
        (written(unit(en="dög", de="Hü"))[:-13] + "</tmx>", "mismatched tag", "3, column 3"),
        (written(unit(en="a < b", de="x")), "not well-formed", "2, column 32"),
        (written(unit(en="dog", de="Hund"))[:-6], "no element found", "3, column 8"),
        ("", "no element found", "1, column 1"),
        (written(unit(en="&nbsp;x", de="Hund")), "undefined entity", "2, column 29"),
    ],
)  # fmt: skip
def test_broken_files_say_where(tmp_path: Path, text: str, what: str, place: str) -> None:
    path = tmp_path / "b.tmx"
    path.write_text(text, "utf-8")
    with pytest.raises(DataError, match=what) as caught:
        read_memories(path)
    assert caught.value.where == f"{path} line {place}"
    assert caught.value.fix


def test_other_xml_is_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "b.tmx"
    path.write_text("<html><body/></html>")
    with pytest.raises(DataError, match="begins with <html>"):
        read_memories(path)


@pytest.mark.parametrize(
    "subset",
    [
        '<!ENTITY a "ha">' + "".join(
            f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in zip("abcdefgh", "bcdefghi")
        ),
        '<!ENTITY i SYSTEM "file:///etc/passwd">',
        '<!ENTITY % p "x"><!ENTITY i "y">',
    ],
)  # fmt: skip
def test_entities_are_refused_before_they_grow(tmp_path: Path, subset: str) -> None:
    path = tmp_path / "bomb.tmx"
    path.write_text(f"<!DOCTYPE tmx [{subset}]>\n" + written(unit(en="&i;", de="Hund")))
    with pytest.raises(DataError, match="an entity of its own") as caught:
        read_memories(path)
    assert " line 1, column " in caught.value.where
    # A document type without entities is fine, and is not opened; what only it could know is not.
    path.write_text(TYPE + written(unit(en="dog", de="Hund")))
    assert pairs_of(path) == [("dog", "Hund")]
    path.write_text(TYPE + written(unit(en="a&mdash;b", de="Hund")))
    with pytest.raises(DataError, match="'mdash'"):
        read_memories(path)


# --- as a source of translations ------------------------------------------------------------------


def sentences() -> list[tuple[str, str]]:
    nouns, colors = {"cat": "Katze", "dog": "Hund", "tree": "Baum"}, {"red": "rot", "old": "alt"}
    verbs = {"sees": "sieht", "has": "hat", "wants": "will"}
    return [
        (f"The {c} {one} {verb} a {two} {end}", f"{nouns[one]} {colors[c]} {verbs[verb]} {two}")
        for c in colors for one in nouns for verb in verbs for two in nouns
        for end in ("here", "again", "under water")
    ]  # fmt: skip


def test_memories_are_taken_for_translations(tmp_path: Path) -> None:
    path = saved(tmp_path, unit(en="dog", de="Hund"))
    for settings in (Settings(), Settings(target="de")):
        found = asked(Source(str(path), settings))
        assert found is not None
        assert found[0] == "translate"
        assert "TMX" in found[1]
    saved(tmp_path, unit(en="cat", de="Katze"), name="b.tmx")
    assert asked(Source(str(tmp_path), Settings())) == (
        "translate", "2 translation memories (TMX)"
    )  # fmt: skip
    assert set(memories(tmp_path)) == {path, tmp_path / "b.tmx"}
    assert sorted(pairs_of(tmp_path)) == [("cat", "Katze"), ("dog", "Hund")]
    (tmp_path / "notes.csv").write_text("a,b\n1,2\n")
    assert asked(Source(str(tmp_path), Settings())) is None


def test_a_test_memory_is_read_in_the_same_direction(tmp_path: Path) -> None:
    path = saved(tmp_path, unit(en="dog", de="Hund"), "en")
    test = saved(tmp_path, unit(de="Katze", en="cat", fr="chat"), "de", name="test.tmx")
    found = read_pairs(Source(str(path), Settings(), str(test)))
    assert (found.sources, found.answers) == (["dog", "cat"], ["Hund", "Katze"])
    assert found.part == ["train", "test"]


def test_a_memory_is_learned_from_and_answered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    body = "".join(unit(en_US=one, de=two) for one, two in sentences()) + unit(fr="chien", de="x")
    path = saved(tmp_path, body)
    with pytest.raises(ConfigError, match="3 languages"):
        learn(str(path), Settings(), Watcher(), out=tmp_path / "no.run")
    plan = Plan(
        steps=4, batch=16, evaluate_every=2, network={SOURCE: "encoder-decoder"},
        sizes={SOURCE: Size(32, 1)},
    )  # fmt: skip
    run = learn(
        str(path), replace(Settings(), target="de"), Watcher(), out=tmp_path / "m.run", plan=plan
    )
    assert run.info["task"]["target"] == "de"
    assert run.info["rows"]["set_aside"] == 1
    lines = load_answerer(run.path).predict(str(path))
    assert len(lines) == len(sentences()) + 1
    assert all("answer" in line for line in lines[:-1])
    assert lines[-1]["error"]["what"] == "there is no text"
    assert sources_of(path, "en")[:2] == [sentences()[0][0], sentences()[1][0]]
    # From the command line, where a file that is not there is an error and no text to translate.
    capsys.readouterr()
    monkeypatch.chdir(tmp_path)
    assert main(["predict", str(run.path), "gone.tmx"]) == 2
    assert "gone.tmx" in capsys.readouterr().err
