"""Trains the heads that read raised fingers, and tests them on hands outside their training data. One reads a hand's
landmarks, the other one the features that the landmark model made them of.

In:  DUMPS, a folder with what examples/landmarks.rs prints: renders.jsonl, and {webcam,tilted,digits}.jsonl;
     HANDS, the folder of the labelled pictures, for their labels.csv. models/README.md says how to make and get them.
Out: models/fingers-by-{measures,features}.bin and tests/golden/fingers.json; with --judge only tables on standard output.
"""
import argparse, collections, csv, json, pathlib, re

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
PICTURES = "webcam", "tilted", "digits"
FOLDS, SEEDS, HIDDEN, EPOCHS, BATCH = 5, 2, 32, 30, 256
# The share of hidden units that a step of the features' head leaves out.
DROPOUT = 0.3
# The assumed probability that a label is wrong. It bounds a head's certainty, so that the rule can outvote it.
DOUBT = 0.03
# The 32 combinations of raised fingers, thumb first.
COMBINATIONS = (np.arange(32)[:, None] >> np.arange(5) & 1).astype(np.float32)
# Which fingers the digits' signs raise, thumb first.
SIGNS = dict(zip("123456789", "01000 01100 11100 01111 11111 01110 01101 01011 00111".split()))
# The same as in src/vision/fingers/mod.rs (tests/models.rs compares them).
RULE_WEIGHT, RULE_MOST, FEATURES_WEIGHT, SURE, EDGE_ON, SHORT, GAP = 0.5, 3, 0.5, 1.5, 0.5, 0.65, 1
LENGTHS = np.array([0.86, 0.95, 0.87, 0.70])
# Combinations with a folded finger between two raised ones, thumb left out.
GAPS = (np.diff(COMBINATIONS[:, 1:], prepend=0) > 0).sum(1) > 1

# Hands: landmarks (NaN if a labelled hand was not found), features, which combinations the label allows, the fold,
# whether the picture is unchanged (only those are judged), whether it is unchanged or mirrored, and the landmarks and
# features of a second opinion (NaN if there is none), which no head learns from.
Hands = collections.namedtuple("Hands", "points features allowed fold plain usual points_again features_again")


# From landmarks to features: as in src/vision/fingers/{measures,rule}.rs.

BASE, WRIST = np.array([1, 5, 9, 13, 17]), np.zeros(5, int)
TIP, NEAR, THUMB = BASE + 3, np.array([17, 9, 5, 6, 10, 13, 14]), np.full(7, 4)
DEPTH = np.float32([1, 1, 1.5])
# How many features the landmark model has.
FEATURES = 1152


def distance(p, a, b):
    return np.linalg.norm(p[:, a] - p[:, b], axis=-1)


def cosine(p, a, b, c):
    u, v = p[:, a] - p[:, b], p[:, c] - p[:, b]
    return (u * v).sum(-1) / (np.linalg.norm(u, axis=-1) * np.linalg.norm(v, axis=-1) + 1e-9)


def scaled(points):
    flat = points[..., :2]
    return points / np.maximum(distance(flat, 0, 9), 1.3 * distance(flat, 5, 17))[:, None, None]


def measures(points):
    flat = scaled(points)
    p = flat * DEPTH
    return np.concatenate([
        cosine(p, WRIST, BASE, BASE + 1), cosine(p, BASE, BASE + 1, BASE + 2), cosine(p, BASE + 1, BASE + 2, TIP),
        cosine(p, WRIST, BASE + 1, TIP), distance(p, WRIST, TIP), distance(p, BASE, TIP),
        distance(p, THUMB, NEAR), distance(flat[..., :2], THUMB, NEAR),
        distance(p, TIP[:-1], TIP[1:]), distance(p, TIP[:-1], TIP[1:] - 1),
    ], 1).astype(np.float32)


def rule(points):
    p = points * DEPTH
    angle = lambda a, b, c: np.degrees(np.arccos(np.clip(cosine(p, a, b, c), -1, 1)))
    k = BASE[1:]
    straight = (angle(k * 0, k + 1, k + 3) + angle(k, k + 1, k + 2) + angle(k + 1, k + 2, k + 3)) / 3
    ratio = lambda a, b: distance(p, *a) / distance(p, *b)
    thumb = [(angle(2, 3, 4) - 135) / 12, (ratio((4, 17), (2, 17)) - 1.15) / 0.06, (ratio((4, 9), (0, 9)) - 0.57) / 0.06]
    return np.concatenate([np.min(thumb, 0)[:, None], (straight - 149) / 8], 1)


# Labelled hands.

def overlap(a, b):
    area = lambda box: np.prod(np.maximum(box[2:] - box[:2], 0))
    common = area(np.concatenate([np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])]))
    return common / (area(a) + area(b) - common)


def matched(rows, hands):
    """The hand on each labelled box, best pairs first; without boxes, the most confident hand."""
    if "xmin" not in rows[0]:
        return [max(hands, key=lambda hand: hand["confidence"], default=None)]
    found, taken = [None] * len(rows), set()
    boxes = [np.array([float(row[side]) for side in ("xmin", "ymin", "xmax", "ymax")]) for row in rows]
    flats = [np.array(hand["landmarks"])[:, :2] for hand in hands]
    bounds = [np.concatenate([flat.min(0), flat.max(0)]) for flat in flats]
    pairs = sorted(((overlap(a, b), i, j) for i, a in enumerate(boxes) for j, b in enumerate(bounds)), reverse=True)
    for share, i, j in pairs:
        if share > 0.2 and found[i] is None and j not in taken:
            found[i] = hands[j]
            taken.add(j)
    return found


def fold(source, row):
    """By session if there are any (3 and 3_... are one), else by runs of neighbouring pictures, which show one person."""
    if source == "webcam":
        return {"2": 0, "26": 1, "15": 1, "16": 2, "96": 2, "46": 3, "25": 3}.get(row["session"], 4)
    number = int(re.findall(r"\d+", row["file"])[-1])
    return number // (60 if source == "tilted" else 50) % FOLDS


def load(source, dumps, folder):
    """Labelled hands. A picture's label is a count, which allows all combinations with that count; others are exact."""
    labels, columns = collections.defaultdict(list), []
    if source in PICTURES:
        for row in csv.DictReader(open(folder / source / "labels.csv")):
            labels[row["file"]].append(row)
    for number, line in enumerate(open(dumps / f"{source}.jsonl")):
        reading = json.loads(line)
        plain, usual = (reading["view"] in views for views in (("plain",), ("plain", "mirrored")))
        rows = labels[reading["file"]] if source in PICTURES else [{"raised": reading["file"]}]
        for row, hand in zip(rows, matched(rows, reading["hands"])):
            raised = row.get("raised") or SIGNS.get(row.get("sign"))
            allowed = [raised == "".join(f"{bit:.0f}" for bit in bits) if raised else bits.sum() == int(row["fingers"])
                       for bits in COMBINATIONS]
            where = fold(source, row) if source in PICTURES else number // 32 % FOLDS
            if hand or plain:
                seen = hand or {}
                columns.append((*estimate_of(seen), allowed, where, plain, usual, *estimate_of(seen.get("again", {}))))
    return Hands(*map(np.array, zip(*columns)))


def estimate_of(seen):
    """Landmarks and features."""
    unknown = {"landmarks": np.full((21, 3), np.nan), "features": np.zeros(FEATURES)}
    return [np.float32(seen.get(key, unknown[key])) for key in unknown]


def some(hands, which):
    return Hands(*(column[which] for column in hands))


# A head: one hidden layer; one head per seed, whose mean is one wider head. Hidden units are bounded (tanh): with
# rectifiers, hands unlike those in training got large wrong scores.

def varied(points, random):
    """Augmentation: the hands slightly rotated in depth, deeper or flatter, wider or narrower, every point displaced."""
    p, one = scaled(points), (len(points), 1)
    x, y, z = np.moveaxis(p - p[:, BASE].mean(1, keepdims=True), 2, 0)
    z = z * np.exp(random.normal(0, 0.3, one))
    for turned in range(2):
        sin, cos = np.sin(angle := random.normal(0, 0.25, one)), np.cos(angle)
        x, y, z = y, x * cos - z * sin, x * sin + z * cos
    x = x * (1 + random.normal(0, 0.25, one))
    return (np.stack([x, y, z], 2) + random.normal(0, 0.03, p.shape)).astype(np.float32)


# A head: which hands it learns from, what it reads of hands, of hands as training changes them, and how many of its
# units a step leaves out. Rotated, small, dark and tight pictures made the features' head worse on other sources.
Kind = collections.namedtuple("Kind", "learns inputs varied dropout")
MEASURES = Kind(lambda hands: True, lambda hands: measures(hands.points),
                lambda hands, random: measures(varied(hands.points, random)), 0)
SEEN = Kind(lambda hands: hands.usual, lambda hands: hands.features, lambda hands, random: hands.features, DROPOUT)


def train(kind, sources, seed):
    """Adam on the likelihood of what the labels allow, with equal weight for every source."""
    random = np.random.default_rng(seed)
    sources = [some(hands, np.isfinite(hands.points[:, 0, 0]) & kind.learns(hands)) for hands in sources]
    every = Hands(*map(np.concatenate, zip(*sources)))
    weight = np.concatenate([np.full(len(hands.points), 1 / len(hands.points)) for hands in sources]) / len(sources)
    plain = kind.inputs(every)
    mean, spread = plain.mean(0), plain.std(0) + 1e-3
    shapes = [(plain.shape[1], HIDDEN), HIDDEN, (HIDDEN, 5), 5]
    head = [random.normal(0, scale, shape).astype(np.float32)
            for shape, scale in zip(shapes, (plain.shape[1] ** -0.5, 0, 0.5 * HIDDEN ** -0.5, 0))]
    moments = [[np.zeros_like(w), np.zeros_like(w)] for w in head]
    step, steps = 0, len(plain) // BATCH * EPOCHS
    for _ in range(EPOCHS):
        chosen = some(every, random.choice(len(plain), len(plain) // BATCH * BATCH, p=weight))
        inputs = (kind.varied(chosen, random) - mean) / spread
        for x, fits in zip(inputs.reshape(-1, BATCH, len(mean)), chosen.allowed.reshape(-1, BATCH, 32)):
            hidden = np.tanh(x @ head[0] + head[1])
            kept = (random.random(hidden.shape, np.float32) >= kind.dropout) / np.float32(1 - kind.dropout)
            odds = hidden * kept @ head[2] + head[3]
            # The target given the label: the head's own distribution, restricted to what the label allows.
            joint = np.where(fits, odds @ COMBINATIONS.T, -np.inf)
            likely = np.exp(joint - joint.max(1, keepdims=True))
            target = likely @ COMBINATIONS / likely.sum(1, keepdims=True)
            target = DOUBT + (1 - 2 * DOUBT) * target
            off = (1 / (1 + np.exp(-np.clip(odds, -50, 50))) - target) / BATCH
            back = off @ head[2].T * kept * (1 - hidden ** 2)
            step += 1
            rate = 3e-3 * min(1, step / 50) * (0.5 + 0.5 * np.cos(np.pi * step / steps))
            for w, m, slope in zip(head, moments, (x.T @ back, back.sum(0), (hidden * kept).T @ off, off.sum(0))):
                m[0] = 0.9 * m[0] + 0.1 * slope
                m[1] = 0.999 * m[1] + 0.001 * slope ** 2
                change = m[0] / (1 - 0.9 ** step) / (np.sqrt(m[1] / (1 - 0.999 ** step)) + 1e-8)
                w -= rate * (change + (0.1 * w if w.ndim == 2 else 0))
    first = head[0] / spread[:, None]
    return first, head[1] - mean @ first, head[2], head[3]


def train_all(sources):
    """The two heads."""
    return [mean([train(kind, sources, seed) for seed in range(SEEDS)]) for kind in (MEASURES, SEEN)]


def mean(heads):
    first, bias, second, last = zip(*heads)
    return np.concatenate(first, 1), np.concatenate(bias), np.concatenate(second) / len(heads), np.mean(last, 0)


def odds(head, inputs):
    first, bias, second, last = head
    return np.tanh(inputs @ first + bias) @ second + last


def by_landmarks(heads, hands):
    bounded = np.clip(rule(hands.points), -RULE_MOST, RULE_MOST)
    return odds(heads[0], MEASURES.inputs(hands)) + RULE_WEIGHT * bounded


def by_features(heads, hands):
    return odds(heads[1], SEEN.inputs(hands))


def all_of(heads, hands):
    return by_landmarks(heads, hands) + FEATURES_WEIGHT * by_features(heads, hands)


# Judging.

def raised(odds):
    """The likeliest combination."""
    return COMBINATIONS[(odds @ COMBINATIONS.T - GAP * GAPS).argmax(1)]


def read(points, odds):
    """Each hand's count, and how certain it is: the odds of the finger that is closest to even, 0 if it is not clear."""
    flat, up = points[..., :2], raised(odds)[:, 1:] > 0
    shares = distance(flat, BASE[1:], TIP[1:]) / LENGTHS
    short = np.where(up, shares, np.inf).min(1) < SHORT * np.where(up, shares, 0).max(1)
    clear = ~short & (distance(flat, 5, 17) >= EDGE_ON * distance(flat, 0, 9))
    count = raised(odds).sum(1)
    return count, np.where(clear | (count == 0), np.nan_to_num(np.abs(odds).min(1)), 0)


def with_second(first, second):
    """Two opinions on each hand, as one: `Fingers::with` in src/vision/fingers/mod.rs."""
    (count, certain), (other, again) = first, second
    ours, theirs = certain > SURE, again > SURE
    parted = ours & theirs & (count != other) & (count > 0) & (other > 0)
    taken = theirs & (~ours | (count == 0))
    return np.where(taken, other, count), np.where(parted, 0, np.maximum(certain, again))


def told(hands, opinion, sure):
    """Shares: right count, of all hands; sure, of those found; wrong, of those sure; wrong, of the surest nine tenths."""
    count, certainty = opinion
    found = np.isfinite(hands.points[:, 0, 0])
    right, surely = found & (count == (hands.allowed * COMBINATIONS.sum(1)).max(1)), found & (certainty > sure)
    surest = certainty >= np.quantile(certainty[found], 0.1)
    wrong = lambda of: (of & ~right).sum() / of.sum()
    return f"{right.mean():.3f}  {surely.sum() / found.sum():.3f}  {wrong(surely):.4f}  {wrong(surest & found):.4f}"


def judge(sources):
    plain = {name: some(hands, hands.plain) for name, hands in sources.items()}
    again = {name: hands._replace(points=hands.points_again, features=hands.features_again)
             for name, hands in plain.items()}

    def opinions(heads, name, which):
        hands, mirrored = some(plain[name], which), some(again[name], which)
        ways = [read(hands.points, odds(heads, hands)) for odds in (by_landmarks, by_features, all_of)]
        return np.array([*ways, with_second(ways[2], read(mirrored.points, all_of(heads, mirrored)))])

    folds, others = ({name: np.zeros((4, 2, len(hands.points))) for name, hands in plain.items()} for _ in range(2))
    for k in range(FOLDS):
        heads = train_all([some(hands, hands.fold != k) for hands in sources.values()])
        for name, hands in plain.items():
            folds[name][..., hands.fold == k] = opinions(heads, name, hands.fold == k)
    for name in plain:
        heads = train_all([hands for other, hands in sources.items() if other != name])
        others[name] = opinions(heads, name, slice(None))
    print(f"{'count right, sure, wrong of sure, of 90 %':43}" + "".join(f"{name:32}" for name in plain))
    row = lambda title, of: print(f"{title:43}" + "".join(f"{of(name):32}" for name in plain))
    row("rule", lambda name: told(plain[name], read(plain[name].points, rule(plain[name].points)), 1))
    for title, results in ("other sessions, persons", folds), ("other sources", others):
        for at, what in enumerate(("landmarks", "features", "all", "all, twice")):
            row(f"{title}: {what}", lambda name: told(plain[name], results[name][at], SURE))


# The files that the program and its tests embed.

def write(heads, renders):
    for name, head in zip(("measures", "features"), heads):
        numbers = np.concatenate([part.ravel() for part in head]).astype("<f4")
        (ROOT / f"models/fingers-by-{name}.bin").write_bytes(numbers.tobytes())
    found = some(renders, np.isfinite(renders.points[:, 0, 0]))
    lines = []
    for at in range(32):
        hand = some(found, slice(at, at + 1))
        # Without features the landmarks decide; the file would have 100 KB if every hand had some.
        told_by = all_of if at % 4 == 0 else by_landmarks
        features = hand.features[0] if at % 4 == 0 else []
        numbers = lambda array, digits: [round(float(x), digits) for x in array]
        lines.append(json.dumps({"landmarks": [numbers(p, 2) for p in hand.points[0]], "features": numbers(features, 3),
                                 "odds": numbers(told_by(heads, hand)[0], 3)}))
    (ROOT / "tests/golden/fingers.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("dumps", type=pathlib.Path)
    parser.add_argument("hands", type=pathlib.Path)
    parser.add_argument("--judge", action="store_true", help="print its accuracy on hands that it was not trained on")
    args = parser.parse_args()
    sources = {source: load(source, args.dumps, args.hands) for source in (*PICTURES, "renders")}
    if args.judge:
        judge(sources)
    else:
        write(train_all(list(sources.values())), sources["renders"])


if __name__ == "__main__":
    main()
