"""Readers of boxes: what each layout means, what is repaired or refused, what is not theirs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pellucid.data.readers.boxes import Annotations, read, recognize
from pellucid.data.readers.boxes.voc import parse
from pellucid.data.readers.boxes.yolo import yaml_names
from pellucid.errors import DataError
from pellucid.uses.detect.answerer import pictures_of


def picture(path: Path, width: int = 40, height: int = 30, turned: int | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(len(path.name)).integers(0, 255, (height, width, 3))
    image = Image.fromarray(pixels.astype(np.uint8))
    if turned is None:
        image.save(path)
    else:
        exif = Image.Exif()
        exif[0x0112] = turned
        image.save(path, exif=exif)


def coco(images: list[dict[str, Any]], boxes: list[tuple[Any, ...]], **more: Any) -> str:
    annotations = [
        {"id": i, "image_id": one, "category_id": kind, "bbox": box}
        for i, (one, kind, box) in enumerate(boxes, start=1)
    ]
    categories = [{"id": 7, "name": "cat"}, {"id": 9, "name": "dog"}]
    data = {"images": images, "annotations": annotations, "categories": categories, **more}
    return json.dumps(data)


def edges(found: Annotations, place: str) -> list[tuple[str, float, float, float, float]]:
    (one,) = (one for one in found.pictures if one.place == place)
    return [(box.label, box.left, box.top, box.right, box.bottom) for box in one.boxes]


def said(found: Annotations, place: str) -> str:
    (one,) = (one for one in found.pictures if one.place == place)
    return "; ".join(one.said) or one.missing


# --- COCO ---------------------------------------------------------------------------------------


def test_coco_with_parts_and_every_kind_of_box(tmp_path: Path) -> None:
    for name in ("train2017/a.jpg", "train2017/b.jpg", "val2017/c.jpg", "val2017/stray.jpg"):
        picture(tmp_path / name)
    (tmp_path / "annotations").mkdir()
    images = [
        {"id": 1, "file_name": "a.jpg", "width": 40, "height": 30},
        {"id": 2, "file_name": "b.jpg", "width": 40, "height": 30},
        {"id": 3, "file_name": "lost.jpg", "width": 40, "height": 30},
    ]
    boxes = [
        (1, 7, [5, 6, 10, 12]),
        (1, 9, [30, 20, 20, 20]),  # reaches out: cut
        (1, 7, [5, 6, 0, 12]),  # no area
        (1, 8, [5, 6, 3, 3]),  # no such class
        (1, 7, [5, "x", 3, 3]),
        (1, 7, [100, 100, 9, 9]),  # outside
        (77, 7, [1, 1, 2, 2]),  # of no picture
    ]
    train = tmp_path / "annotations/instances_train2017.json"
    train.write_text(coco(images, boxes))
    valid = [{"id": "x", "file_name": "c.jpg"}]
    crowd = coco(valid, [("x", 9, [0, 0, 4, 4])]).replace('"bbox"', '"iscrowd": 1, "bbox"')
    (tmp_path / "annotations/instances_val2017.json").write_text(crowd)
    (tmp_path / "annotations/captions_val2017.json").write_text(json.dumps({"images": []}))
    layout = recognize(tmp_path)
    assert layout is not None
    assert layout.sure >= 0.5
    assert "COCO" in layout.why
    found, sizes = read(tmp_path)
    assert found.classes == ["cat", "dog"]
    assert edges(found, "train2017/a.jpg") == [("cat", 5, 6, 15, 18), ("dog", 30, 20, 40, 30)]
    words = said(found, "train2017/a.jpg")
    for part in ("no area", "class 8", "not four numbers", "outside", "1 box cut"):
        assert part in words
    assert edges(found, "train2017/b.jpg") == []  # nothing in it: a valid negative
    assert said(found, "lost.jpg") == "no such picture: lost.jpg"
    assert {one.place: one.split for one in found.pictures}["val2017/c.jpg"] == "valid"
    assert next(one for one in found.pictures if one.place == "val2017/c.jpg").boxes[0].ignored
    assert found.unnamed == ["val2017/stray.jpg"]
    assert [one.why for one in found.refused] == ["of a picture that the file does not list"]
    assert sizes == [(40, 30), (40, 30), (0, 0), (40, 30)]
    assert read(train)[0].classes == ["cat", "dog"]  # the file alone finds its pictures too


@pytest.mark.parametrize("name", ["../secret.png", "/etc/hosts", "sub/../../secret.png"])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    picture(tmp_path / "secret.png")
    picture(tmp_path / "data/a.png")
    images = [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": name}]
    (tmp_path / "data/boxes.json").write_text(coco(images, [(1, 7, [1, 1, 5, 5])]))
    found, _ = read(tmp_path / "data")
    assert [one.file for one in found.pictures if one.file] == [tmp_path / "data/a.png"]
    assert found.pictures[1].missing


@pytest.mark.parametrize("kind", ["jpg", "tif"])
@pytest.mark.parametrize(("turned", "box"), [
    (1, (4, 6, 14, 26)), (2, (26, 6, 36, 26)), (3, (26, 4, 36, 24)), (4, (4, 4, 14, 24)),
    (5, (6, 4, 26, 14)), (6, (4, 4, 24, 14)), (7, (4, 26, 24, 36)), (8, (6, 26, 26, 36)),
])  # fmt: skip
def test_boxes_of_turned_photos_lie_where_the_thing_is_shown(
    tmp_path: Path, turned: int, box: tuple[int, ...], kind: str
) -> None:
    from pellucid.uses.detect.pictures import open_upright

    pixels = np.zeros((30, 40, 3), dtype=np.uint8)
    pixels[6:26, 4:14] = 255
    exif = Image.Exif()
    exif[0x0112] = turned
    name = f"a.{kind}"
    more = {"quality": 100, "subsampling": 0} if kind == "jpg" else {}
    Image.fromarray(pixels).save(tmp_path / name, exif=exif, **more)
    image = {"id": 1, "file_name": name, "width": 40, "height": 30}
    (tmp_path / "boxes.json").write_text(coco([image], [(1, 7, [4, 6, 10, 20])]))
    found, sizes = read(tmp_path)
    assert edges(found, name) == [("cat", *box)]
    opened = open_upright(tmp_path / name)
    assert opened.size == sizes[0]
    shown = np.asarray(opened)[..., 0] > 128
    down, across = np.nonzero(shown)
    assert (across.min(), down.min(), across.max() + 1, down.max() + 1) == box


def test_an_annotation_whose_size_is_that_of_the_upright_photo_means_it_so(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg", turned=6)  # 40 x 30 stored, 30 x 40 shown
    images = [{"id": 1, "file_name": "a.jpg", "width": 30, "height": 40}]
    (tmp_path / "boxes.json").write_text(coco(images, [(1, 7, [4, 6, 10, 20])]))
    assert edges(read(tmp_path)[0], "a.jpg") == [("cat", 4, 6, 14, 26)]


# --- VOC ----------------------------------------------------------------------------------------

VOC = """<annotation><filename>{name}</filename><path>C:\\Users\\x\\{name}</path>
<size><width>40</width><height>30</height><depth>3</depth></size>{objects}</annotation>"""
OBJECT = """<object><name>{label}</name><difficult>{hard}</difficult><bndbox><xmin>{x1}</xmin>
<ymin>{y1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>"""


def voc(name: str, *things: tuple[str, int, int, int, int, int]) -> str:
    keys = ("label", "x1", "y1", "x2", "y2", "hard")
    objects = "".join(OBJECT.format(**dict(zip(keys, one, strict=True))) for one in things)
    return VOC.format(name=name, objects=objects)


def test_voc_counts_from_one_and_its_lists_say_the_parts(tmp_path: Path) -> None:
    for name in ("1.jpg", "2.jpg", "3.jpg"):
        picture(tmp_path / "JPEGImages" / name)
    folder = tmp_path / "Annotations"
    folder.mkdir()
    (folder / "1.xml").write_text(voc("1.jpg", ("cat", 1, 1, 40, 30, 0), ("cat", 5, 5, 9, 9, 1)))
    (folder / "2.xml").write_text(voc("wrong name.jpg"))
    (folder / "3.xml").write_text('<!DOCTYPE a [<!ENTITY b "c">]>' + voc("3.jpg"))
    main = tmp_path / "ImageSets/Main"
    main.mkdir(parents=True)
    (main / "train.txt").write_text("1\n")
    (main / "val.txt").write_text("2\n")
    layout = recognize(tmp_path)
    assert layout is not None
    assert "Pascal VOC" in layout.why
    found, _ = read(tmp_path)
    assert edges(found, "JPEGImages/1.jpg") == [("cat", 0, 0, 40, 30), ("cat", 4, 4, 9, 9)]
    assert [box.ignored for box in found.pictures[0].boxes] == [False, True]
    assert {one.place: one.split for one in found.pictures} == {
        "JPEGImages/1.jpg": "train",
        "JPEGImages/2.jpg": "valid",
    }
    assert "entities" in found.refused[0].why
    assert found.unnamed == ["JPEGImages/3.jpg"]


def test_voc_that_begins_at_zero_counts_from_zero(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "a.xml").write_text(voc("a.png", ("cat", 0, 3, 10, 9, 0)))
    (tmp_path / "more.xml").write_text(voc("a.png", ("dog", 20, 3, 30, 9, 0)))
    found, _ = read(tmp_path)  # two files about one picture
    assert edges(found, "a.png") == [("cat", 0, 3, 10, 9), ("dog", 20, 3, 30, 9)]


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation>&x;</annotation>',
        '<!DOCTYPE a SYSTEM "http://example.org/a.dtd"><annotation/>',
        "<annotation>",
        "",
    ],
)
def test_unsafe_or_broken_xml_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"entities|no readable XML"):
        parse(text.encode())
    with pytest.raises(ValueError, match=r"entities|no readable XML"):
        parse(text.encode("utf-16"))


# --- YOLO ---------------------------------------------------------------------------------------


def test_yolo_shares_outlines_and_empty_pictures(tmp_path: Path) -> None:
    for name in ("train/a.png", "train/b.png", "train/c.png", "val/d.png"):
        picture(tmp_path / "images" / name)
    labels = tmp_path / "labels"
    (labels / "train").mkdir(parents=True)
    (labels / "val").mkdir()
    (labels / "train/a.txt").write_text(
        "0 0.5 0.5 0.5 0.2\n1 0.1 0.1 0.3 0.1 0.3 0.5\n5 .1 .1 .1 .1\n"
    )
    (labels / "train/b.txt").write_text("")
    (labels / "val/d.txt").write_text("1 0.25 0.5 0.5 1.0 0.93\nnonsense\n")
    (labels / "val/none.txt").write_text("0 0.5 0.5 0.5 0.2\n")
    (tmp_path / "data.yaml").write_text("path: /x\nnc: 2\nnames:\n  0: cat\n  1: 'big dog'\n")
    layout = recognize(tmp_path)
    assert layout is not None
    assert "data.yaml" in layout.why
    found, _ = read(tmp_path)
    assert found.classes == ["cat", "big dog"]
    cat, dog = edges(found, "images/train/a.png")
    assert cat == ("cat", 10, pytest.approx(12), 30, pytest.approx(18))
    assert dog == ("big dog", 4, 3, 12, 15)
    assert "class 5, but only 2" in said(found, "images/train/a.png")
    assert edges(found, "images/train/b.png") == edges(found, "images/train/c.png") == []
    assert edges(found, "images/val/d.png") == [("big dog", 0, 0, 20, 30)]
    assert {one.split for one in found.pictures} == {"train", "valid"}
    assert "no picture of that name" in found.refused[0].why


def test_yolo_boxes_mean_the_photo_as_it_is_shown(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg", turned=6)  # 30 x 40 shown
    (tmp_path / "a.txt").write_text("0 0.5 0.25 1.0 0.5\n")
    found, _ = read(tmp_path)
    assert edges(found, "a.jpg") == [("class 0", 0, 0, 30, 20)]


@pytest.mark.parametrize(
    "text",
    [
        "names: [cat, 'big dog']\nnc: 2",
        "names:\n- cat\n- big dog\n",
        'names: {0: cat, 1: "big dog"}',
        "train: x\nnames:   # all\n  1: big dog\n  0: cat\nval: y\n",
        "names: ['cat',\n  'big dog']\n",
    ],
)
def test_names_in_every_way_that_yaml_writes_them(text: str) -> None:
    assert yaml_names(text) == ["cat", "big dog"]


# --- tables -------------------------------------------------------------------------------------


def test_table_with_groups_parts_and_pictures_of_nothing(tmp_path: Path) -> None:
    for name in "abc":
        picture(tmp_path / f"{name}.png")
    lines = [
        "image_path,xmin,ymin,xmax,ymax,label,scene,split",
        "a.png,1,2,11,12,tree,north,train",
        "a.png,20,2,60,12,tree,north,train",
        "b.png,,,,,,south,test",
        "c.png,0,0,0,0,tree,south,val",
        "c.png,3,4,x,9,tree,south,val",
        "c.png,3,4",
    ]
    path = tmp_path / "boxes.csv"
    path.write_text("\n".join(lines) + "\n")
    found, _ = read(path, group="scene")
    assert edges(found, "a.png") == [("tree", 1, 2, 11, 12), ("tree", 20, 2, 40, 12)]
    assert edges(found, "b.png") == edges(found, "c.png") == []
    assert [one.group for one in found.pictures] == ["north", "south", "south"]
    assert [one.split for one in found.pictures] == ["train", "test", "valid"]
    assert "not four numbers" in said(found, "c.png")
    assert found.refused[0].place == "boxes.csv, line 7"
    with pytest.raises(DataError, match="there is no column 'scenes'") as caught:
        read(path, group="scenes")
    assert "did you mean 'scene'" in caught.value.fix


# --- what is not theirs -------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1252", "utf-16"])
def test_tables_with_semicolons_and_decimal_commas(tmp_path: Path, encoding: str) -> None:
    picture(tmp_path / "Käfer 1.png")
    lines = ["Bild;xmin;ymin;xmax;ymax;Klasse", "Käfer 1.png;3,5;-0,5;20,25;4;Käfer"]
    path = tmp_path / "Boxen.csv"
    path.write_bytes("\r\n".join(lines).encode(encoding))
    found, _ = read(path)
    assert edges(found, "Käfer 1.png") == [("Käfer", 3.5, 0, 20.25, 4)]
    assert [one.place for one in pictures_of(str(path))] == ["Käfer 1.png"]
    assert pictures_of(str(path))[0].open().size == (40, 30)


def test_yolo_with_named_classes_is_recognized_although_much_is_broken(tmp_path: Path) -> None:
    for number, text in enumerate(("0 .5 .5 .3 .3", "0 0,5 0,5 0,3 0,3", "0 nan .5 .3 .3")):
        picture(tmp_path / "images" / f"b {number}.png")
        (tmp_path / "labels").mkdir(exist_ok=True)
        (tmp_path / "labels" / f"b {number}.txt").write_text(text)
    picture(tmp_path / "images/c.png")
    (tmp_path / "labels/c.txt").write_text("0 .5 .5 .1 .1")
    assert recognize(tmp_path) is None
    (tmp_path / "classes.txt").write_text("Käfer\n", "utf-8")
    assert recognize(tmp_path) is not None
    found, _ = read(tmp_path)
    assert len(edges(found, "images/b 0.png")) == 1
    assert said(found, "images/b 1.png")


def test_other_sources_are_left_to_the_main_job(tmp_path: Path) -> None:
    for label in ("cat", "dog"):
        picture(tmp_path / "classes" / label / "1.png")
    assert recognize(tmp_path / "classes") is None
    table = tmp_path / "rows.csv"
    table.write_text("x,y,label\n1,2,a\n")
    assert recognize(table) is None
    geometry = tmp_path / "geometry.csv"  # numbers of boxes without any picture: a plain table
    geometry.write_text("image,xmin,ymin,xmax,ymax,label\nno.png,1,2,3,4,a\n")
    found = recognize(geometry)
    assert found is None or found.sure < 0.5
    rows = tmp_path / "rows.json"
    rows.write_text(json.dumps([{"images": 1, "annotations": 2}]))
    assert recognize(rows) is None
    texts = tmp_path / "texts"
    for label in ("good", "bad"):
        (texts / label).mkdir(parents=True)
        (texts / label / "1.txt").write_text("0 0.5 0.5 0.2 0.2")
    assert recognize(texts) is None
    captions = tmp_path / "captions"  # a picture and its description side by side
    picture(captions / "1.png")
    (captions / "1.txt").write_text("a cat on a mat")
    assert recognize(captions) is None
    assert recognize(tmp_path / "not there") is None


def test_nothing_to_read_says_what_would_help(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    with pytest.raises(DataError, match="no boxes") as caught:
        read(tmp_path)
    assert "COCO" in caught.value.fix


def test_pictures_without_a_text_file_are_said(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        picture(tmp_path / "images" / f"{name}.png")
    (tmp_path / "labels").mkdir()
    (tmp_path / "classes.txt").write_text("cat\n")
    (tmp_path / "labels" / "a.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    (tmp_path / "labels" / "b.txt").write_text("")
    found, _ = read(tmp_path)
    assert found.notes == ["1 picture has no text file: taken to show nothing that has a class"]
