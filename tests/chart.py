"""Draws a queue and its workers over time. In: samples of `machines.py`, named spans of time, the speed that they were
played at. Out: an SVG. Pure, and without a library: two stacked areas and two steps are soon drawn.
"""

from html import escape

WIDTH, LEFT, RIGHT = 960, 46, 16
# From top to bottom: the spans' names, the queue, a gap for its title, the workers, the time.
NAMES, QUEUE, GAP, WORKERS, TIME = 64, 170, 42, 130, 44
TEXT, FAINT = "#333", "#ddd"
WAITING, WORKED_ON, INSTANCES, AT_WORK = "#f2b37a", "#b5541c", "#b9d4ea", "#1f5f99"


def svg(samples, spans, speed):
    first, last = samples[0]["at"], samples[-1]["at"]
    x = lambda at: LEFT + (WIDTH - LEFT - RIGHT) * (at - first) / (last - first)
    depth = [sample["visible"] + sample["in_flight"] for sample in samples]
    states = [(WAITING, "waiting"), (WORKED_ON, "being worked on")]
    queue = panel(NAMES, QUEUE, "messages in the queue", max(depth), states)
    fleet = [(INSTANCES, "running"), (AT_WORK, "with a worker")]
    workers = panel(NAMES + QUEUE + GAP, WORKERS, "instances", max(sample["instances"] for sample in samples), fleet)
    height = NAMES + QUEUE + GAP + WORKERS + TIME
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'font-family="system-ui, sans-serif" font-size="12" fill="{TEXT}" role="img" '
        'aria-label="The depth of the queue and the number of instances over time">',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        *named(spans, x),
        *queue["frame"],
        area(samples, x, queue["y"], lambda sample: sample["visible"] + sample["in_flight"], WAITING),
        area(samples, x, queue["y"], lambda sample: sample["in_flight"], WORKED_ON),
        *workers["frame"],
        area(samples, x, workers["y"], lambda sample: sample["instances"], INSTANCES),
        line(samples, x, workers["y"], lambda sample: sample["workers"], AT_WORK),
        *times(first, last, x, speed),
        "</svg>\n",
    ]
    return "\n".join(parts)


def panel(top, height, title, most, legend):
    """A panel's frame with its title, its legend and its lines, and where a value is in it."""
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if most <= 5 * step)
    end = step * max(1, -(-most // step))
    y = lambda value: top + height - height * value / end
    frame = [f'<text x="{LEFT}" y="{top - 8}" font-weight="600">{title}</text>']
    at = LEFT + 7.2 * len(title) + 14
    for colour, name in legend:
        frame.append(f'<rect x="{at:.0f}" y="{top - 17}" width="10" height="10" fill="{colour}"/>')
        frame.append(f'<text x="{at + 15:.0f}" y="{top - 8}">{name}</text>')
        at += 15 + 6.4 * len(name) + 18
    for value in range(0, end + 1, step):
        frame.append(f'<path d="M{LEFT} {y(value):.1f}H{WIDTH - RIGHT}" stroke="{FAINT}"/>')
        frame.append(f'<text x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value}</text>')
    return {"y": y, "frame": frame}


def named(spans, x):
    """The spans as bands behind both panels. Their names take turns in two rows, as short ones stand close together."""
    bottom = NAMES + QUEUE + GAP + WORKERS
    for row, (name, begin, end) in enumerate(spans):
        left, right, y = x(begin), x(end), 14 + 14 * (row % 2)
        size = f'width="{right - left:.1f}" height="{bottom - y - 4}"'
        yield f'<rect x="{left:.1f}" y="{y + 4}" {size} fill="#000" opacity="0.05"/>'
        yield f'<text x="{left:.1f}" y="{y}">{escape(name)}</text>'


def steps(samples, x, y, value):
    """The corners of a line that stays at each value until the next one."""
    points, last = [], None
    for sample in samples:
        now = value(sample)
        if now != last:
            points += [(sample["at"], last)] * (last is not None) + [(sample["at"], now)]
        last = now
    points.append((samples[-1]["at"], last))
    return "L".join(f"{x(at):.1f} {y(value):.1f}" for at, value in points)


def area(samples, x, y, value, colour):
    ends = f"L{x(samples[-1]['at']):.1f} {y(0):.1f}L{x(samples[0]['at']):.1f} {y(0):.1f}Z"
    return f'<path d="M{steps(samples, x, y, value)}{ends}" fill="{colour}"/>'


def line(samples, x, y, value, colour):
    return f'<path d="M{steps(samples, x, y, value)}" fill="none" stroke="{colour}" stroke-width="1.5"/>'


def times(first, last, x, speed):
    """The axis of time, in minutes of life."""
    minutes = (last - first) * speed / 60
    step = next(step for step in (1, 2, 5, 10, 20, 30, 60, 120, 240) if minutes <= 13 * step)
    bottom = NAMES + QUEUE + GAP + WORKERS
    for minute in range(0, int(minutes) + 1, step):
        at = x(first + minute * 60 / speed)
        yield f'<path d="M{at:.1f} {bottom}v5" stroke="{TEXT}"/>'
        yield f'<text x="{at:.1f}" y="{bottom + 18}" text-anchor="middle">{minute}</text>'
    unit = f"minutes, played at {speed} times the speed"
    yield f'<text x="{WIDTH - RIGHT}" y="{bottom + 36}" text-anchor="end">{unit}</text>'
