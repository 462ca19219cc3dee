#!/usr/bin/env python3
"""Reads an exchange of reliable datagrams, given the keys, and says what was said.

It is written from docs/protocol.md and knows nothing of the code beside it: where they differ, one of
the three has a fault. Standard input is lines of three kinds, in hexadecimal digits:

    key SIDE SECRET       the static private key of a side, or of somebody who says nothing
    drawn SIDE SECRET     32 bytes that a side drew by chance; its ephemeral keys are among them
    SIDE DATAGRAM         a datagram as the side sent it, in the order of time
"""

import copy
import hashlib
import hmac
import io
import sys
from functools import partial

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PATTERNS = {1: ("IK", ["e es s ss", "e ee se"]), 2: ("XX", ["e", "e ee s es", "s se"])}
KINDS = {8: "Open", 9: "Answer", 10: "Confirm", 11: "Data", 12: "Retry", 13: "WrongKey"}
private = X25519PrivateKey.from_private_bytes
mac = partial(hmac.digest, digest="sha256")


def sha256(data):
    return hashlib.sha256(data).digest()


def public(secret):
    return private(secret).public_key().public_bytes_raw()


class Bytes(io.BytesIO):
    def take(self, length):
        taken = self.read(length)
        assert len(taken) == length, "cut"
        return taken

    def varint(self):
        first = self.take(1)[0]
        length = (1 << (first >> 6)) - 1
        return (first & 0x3F) << (8 * length) | int.from_bytes(self.take(length))


class Noise:
    """A handshake, seen by one who has the keys of both sides, "i" and "r" (Noise, revision 34, 5)."""

    def __init__(self, pattern, index, opener, expected):
        name, self.messages = PATTERNS[pattern]
        self.h = self.chain = f"Noise_{name}_25519_AESGCM_SHA256".encode().ljust(32, b"\0")
        self.key, self.count, self.done = None, 0, 0
        self.secrets = {"si": opener, "sr": expected}
        self.mix_hash(b"sockeye arq\x01" + name[:1].encode() + index)
        if expected:
            self.mix_hash(public(expected))

    def mix_hash(self, data):
        self.h = sha256(self.h + data)

    def hkdf(self, data):
        first = mac(key := mac(self.chain, data), b"\1")
        return first, mac(key, first + b"\2")

    def opened(self, data):
        plain = AESGCM(self.key).decrypt(self.count.to_bytes(12), data, self.h) if self.key else data
        self.count += 1
        self.mix_hash(data)
        return plain

    def read(self, side, data, drawn):
        """The payload of the next message."""
        data = Bytes(data)
        for token in self.messages[self.done].split():
            if token == "e":
                key = data.take(32)
                self.secrets["e" + side] = next(secret for secret in drawn if public(secret) == key)
                self.mix_hash(key)
            elif token == "s":
                key = self.opened(data.take(48 if self.key else 32))
                assert key == public(self.secrets["s" + side]), "another static key than the side's"
            else:
                ours, theirs = (self.secrets[name] for name in (token[0] + "i", token[1] + "r"))
                shared = private(ours).exchange(private(theirs).public_key())
                (self.chain, self.key), self.count = self.hkdf(shared), 0
        self.done += 1
        return self.opened(data.read())


class Side:
    """What one side of a connection has sent."""

    def __init__(self, name, key, grants):
        grants = Bytes(grants)
        _, limit, self.channel = grants.varint(), grants.varint(), grants.varint()
        self.name, self.key, self.phase, self.numbers, self.last = name, key, 0, set(), -1
        # The limits of what the other may send: of the connection (None), and of channels.
        self.limits, self.used, self.messages, self.once = {None: limit}, {}, {}, []

    def open(self, data):
        count, phase = int.from_bytes(data[10:18]), data[1]
        assert self.last < count < 2**62, "numbers do not grow"
        self.last = count
        self.numbers.add(count)
        if phase != self.phase & 0xFF:
            self.phase += 1
            assert phase == self.phase & 0xFF, "a key was left out"
            self.key = AESGCM(self.key).encrypt((2**64 - 1).to_bytes(12), bytes(32), b"")[:32]
        return Bytes(AESGCM(self.key).decrypt(count.to_bytes(12), data[18:], data[:18]))

    def piece(self, channel, count, total, offset, data, other):
        assert channel[0] < 2, "other flags than 0 and 1"
        assert total <= 1024 * 1024 + 4 and offset + len(data) <= total, "outside of its message"
        assert len(data) >= 256 or offset + len(data) == total, "too short"
        if (channel, count) not in self.messages:
            self.messages[channel, count] = [None] * total
            for what in (None, channel):
                self.used[what] = self.used.get(what, 0) + total + 64
                assert self.used[what] <= other.limits.get(what, other.channel), "more than was granted"
        message = self.messages[channel, count]
        assert len(message) == total, "another length of the same message"
        assert all(old in (None, new) for old, new in zip(message[offset:], data)), "other bytes"
        message[offset : offset + len(data)] = data
        return f"piece {channel} {count} {total} {offset} {len(data)}"

    def frame(self, frame, other):
        if (kind := frame.varint()) < 2:
            return ("padding", "ping")[kind]
        if kind == 2:
            high, delay, more = (frame.varint() for _ in range(3))
            text = f"ack {delay}"
            assert more < 32, "more than 32 ranges"
            for left in range(more, -1, -1):
                low = high - frame.varint()
                assert other.numbers.issuperset(range(low, high + 1)), "never sent, or left out"
                text += f" {low}-{high}"
                high = low - frame.varint() - 2 if left else None
            return text
        if kind == 3:
            channel, count, total, offset = tuple(frame.take(2)), *(frame.varint() for _ in range(3))
            return self.piece(channel, count, total, offset, frame.take(frame.varint()), other)
        if kind == 4:
            self.once.append((frame.take(1)[0], frame.take(frame.varint())))
            assert len(self.once[-1][1]) <= 1024, "an unreliable message of more than 1024 bytes"
            return f"unreliable {len(self.once[-1][1])}"
        if kind in (5, 6):
            channel = tuple(frame.take(2)) if kind == 6 else None
            self.limits[channel] = max(self.limits.get(channel, self.channel), frame.varint())
            return f"credit {channel} {self.limits[channel]}"
        if kind < 9:
            return ("challenge ", "response ")[kind - 7] + frame.take(8).hex()
        assert kind == 9, "a type that is not in the table"
        return f"close {frame.varint()} {frame.take(frame.varint()).decode()}"


class Reader:
    def __init__(self):
        self.keys, self.drawn, self.cookies, self.all = {}, {}, {}, []
        self.openings, self.halves, self.sides = {}, {}, {}

    def datagram(self, name, data):
        kind, length = KINDS[data[0]], {8: 1200, 12: 28, 13: 12}.get(data[0], len(data))
        assert len(data) == length <= 1200, "another length than its kind"
        assert kind == "Data" or data[1:4] == bytes([1, data[2], 0] if kind == "Open" else 3), "no zeros"
        if kind in ("Retry", "WrongKey"):
            noise, opener, *_ = self.openings[data[4:12]]
            is_wrong = noise.secrets["sr"] not in (None, self.keys[name])
            assert name != opener and is_wrong == (kind == "WrongKey"), "for nobody, or the wrong one"
            self.cookies[data[4:12]].add(data[12:])
            return kind
        if kind != "Data":
            end = 1168 if kind == "Open" else length - 16
            check = mac(sha256(b"sockeye arq 1 check"), data[:end])[:16]
            assert check == data[end : end + 16], "a wrong check"
        return f"{kind} " + getattr(self, kind.lower())(name, data)

    def data(self, name, data):
        side, other = self.sides[data[2:10]]
        assert side.name == name, "a packet of the other side"
        frames, texts = side.open(data), []
        while frames.tell() < len(data) - 34 or not texts:
            texts.append(side.frame(frames, other))
        return f"{side.last} phase {side.phase}: " + ", ".join(texts)

    def open(self, name, data):
        index, pattern, cookie = data[4:12], data[2], data[1184:]
        assert cookie in self.cookies.setdefault(index, {bytes(16)}), "a cookie that nobody gave"
        if index in self.openings:
            assert self.openings[index][3] == data[:1184], "other bytes the second time"
            return "again with a cookie" if any(cookie) else "again"
        whom = {mac(sha256(b"sockeye arq 1 whom" + public(k)), index)[:8]: k for k in self.keys.values()}
        expected = (whom if pattern == 1 else {bytes(8): None})[data[12:20]]
        noise = Noise(pattern, index, self.keys[name], expected)
        payload = noise.read("i", data[22 : 22 + int.from_bytes(data[20:22])], self.drawn[name])
        assert (payload == b"") == (pattern == 2), "a payload where there is none, or the reverse"
        self.openings[index] = (noise, name, payload, data[:1184])
        return PATTERNS[pattern][0]

    def answer(self, name, data):
        to, index = data[4:12], data[12:20]
        if index in self.halves or index in self.sides:
            return "again"
        # An Open that comes from two addresses has two answers.
        noise, opener, payload, *_ = copy.deepcopy(self.openings[to])
        noise.secrets["sr"] = self.keys[name]
        half = noise, (opener, to), (name, index, noise.read("r", data[20:-16], self.drawn[name]))
        if noise.done == len(noise.messages):
            return self.begin(noise, (opener, to, payload), half[2])
        self.halves[index] = half
        return "by XX"

    def confirm(self, name, data):
        if data[4:12] in self.sides:
            return "again"
        noise, opener, answerer = self.halves.pop(data[4:12])
        return self.begin(noise, (*opener, noise.read("i", data[12:-16], self.drawn[name])), answerer)

    def begin(self, noise, opener, answerer):
        names = zip((opener, answerer), noise.hkdf(b""))
        sides = [Side(name, key, grants) for (name, _, grants), key in names]
        self.all += sides
        # A packet is for the index of who receives it.
        self.sides[answerer[1]], self.sides[opener[1]] = sides, sides[::-1]
        return f"grants {sides[1].limits[None]} {sides[1].channel}"

    def end(self):
        for side in self.all:
            for (channel, count), message in side.messages.items():
                assert None not in message, "a message that never ended"
                yield f"message {side.name} {channel} {count} {sha256(bytes(message)).hex()}"
            for channel, data in side.once:
                yield f"once {side.name} {channel} {sha256(data).hex()}"


reader = Reader()
for place, line in enumerate(sys.stdin, 1):
    *words, digits = line.split()
    value = bytes.fromhex(digits)
    try:
        if words[0] == "key":
            reader.keys[words[1]] = value
        elif words[0] == "drawn":
            reader.drawn.setdefault(words[1], []).append(value)
        else:
            print(words[0], reader.datagram(words[0], value))
    except Exception as error:
        sys.exit(f"line {place}: {type(error).__name__}: {error}")
print(*reader.end(), sep="\n")
