#!/usr/bin/env python3
"""reader.py DIR LOG: dumps a log from the segments in DIR, as `ringlog export --meta` does. Written from
docs/STORAGE.md alone. Checks every checksum, chain and digest; exit code 1 when one is wrong. Entries that a repair has
marked, or whose content other nodes hold, are left out, and told at the end; lost decisions are not made again."""
import hashlib, json, os, re, struct, sys, time
TABLE = list(range(256))
for _ in range(8): TABLE = [n >> 1 ^ (n & 1) * 0x82F63B78 for n in TABLE]
def crc(data, seed=0):
    c = seed ^ 0xFFFFFFFF
    for b in data: c = TABLE[(c ^ b) & 255] ^ c >> 8
    return c ^ 0xFFFFFFFF
def check(ok, *what):
    if not ok: sys.exit("reader.py: " + " ".join(map(str, what)))
sha = lambda data: hashlib.sha256(data).digest()
class Bytes: # takes fields off the front
    def __init__(self, data): self.data, self.at = data, 0
    def take(self, n):
        check(self.at + n <= len(self.data), "a payload ends early")
        self.at += n
        return self.data[self.at - n:self.at]
    def byte(self): return self.take(1)[0]
    def u64(self): return struct.unpack("<Q", self.take(8))[0]
    def name(self): return self.take(self.byte())
    def left(self): return len(self.data) - self.at
    def u(self):
        b = self.byte()
        return b if b < 128 else b & 127 | self.u() << 7
    def list(self, element): return [element() for _ in range(self.u())]
    def settings(self): return [self.u(), v := self.u(), *(self.u() for _ in range(4)), self.list(self.u), v > 1 and [self.u() for _ in range(4)]]

class Reader:
    def __init__(self, log):
        self.log, self.chain, self.raft, self.names, self.heads, self.contents = log.encode(), bytes(32), 0, {}, {}, {}
        self.lost, self.gap, self.gone, self.rows = 0, 0, 0, [] # frames since a checkpoint, gaps of a file, entries
    def files(self, dir):
        numbers = sorted(int(f[:16]) for f in os.listdir(dir) if re.fullmatch(r"\d{16}\.seg", f))
        images = [open(os.path.join(dir, "%016d.seg" % n), "rb").read() for n in numbers]
        batch, chain = 0, bytes(32)
        for i, image in enumerate(images):
            sound = image[:8] == b"\x9eRLSEG\r\n" and crc(image[:4092]) == struct.unpack("<I", image[4092:4096])[0]
            check(sound and image[8:12] == b"\1\0\0\0", "header, or format version, of", i + 1)
            number, salt = image[48:56], image[56:72]
            (before, _, last) = struct.unpack("<QQQ", image[72:96])
            linked = (before, last) == (i, batch) and (self.gap or chain == image[96:128])
            self.gap, chain, at = 0, image[96:128], 4096
            check(linked and struct.unpack("<Q", number)[0] == numbers[i] == i + 1, "link of", i + 1)
            end = struct.unpack("<Q", images[i + 1][80:88])[0] if i + 1 < len(images) else None
            for at, batch, chain in self.batches(image, crc(salt + number), batch, chain, end or len(image)): pass
            check(end in (None, at), "file", i + 1, "ends at", at, "not", end)
        for row in self.rows: self.show(*row)
        if self.gone: print("reader.py:", self.gone, "entries are lost, or on other nodes", file=sys.stderr)
    def batches(self, image, salt, batch, chain, end): # where each ends, its number, the chain behind it
        at, frames, headers, follows = 4096, [], b"", (batch + 1, 0)
        while at + 56 <= end:
            head = image[at:at + 56]
            (magic, kind, version, flags, codec, hashed, ordinal,
             length, number, own, _, pcrc, hcrc) = struct.unpack("<4sBBBBBxHxxxxQQQQII", head)
            if magic != b"\x9eRLF" or crc(head[:52], salt) != hcrc: return
            if own != at or follows not in (None, (number, ordinal)) and kind != 9: return
            payload = image[at + 56:at + 56 + length]
            if at + 56 + length > end or not flags & 4 and crc(payload) != pcrc: return
            known = kind in (1, 2, 3, 4, 5, 8, 9, 10) and (version, codec, hashed) == (1, 0, 0)
            check(known or flags & 1, "unknown frame at", at)
            if flags & 4:
                self.lost, self.gap, head = 1, self.gap or kind == 9, head[:6] + bytes([flags & ~4]) + head[7:52]
                head += crc(head, salt).to_bytes(4, "little")
            headers += head
            frames.append((kind if known and not flags & 4 else 0, payload))
            follows = None if kind == 9 else (number + 1, 0) if flags & 2 else (number, ordinal + 1)
            at += (56 + length + 7) // 8 * 8
            if flags & 2:
                for kind, payload in frames:
                    {1: self.content, 4: self.decided, 5: self.checkpoint, 8: self.seal}.get(kind, len)(payload)
                batch, chain, frames, headers = number, sha(chain + headers), [], b""
                yield at, batch, chain
    def content(self, payload):
        count, keys = struct.unpack("<II", payload[4:12])
        check(payload[:4] == b"\1\0\0\0", "not a manifest")
        rows, keyed, text = 12 + 36 * count, Bytes(payload[12 + 36 * count:][:keys]), payload[12 + 36 * count + keys:]
        names, entries, start = {}, [], 0
        while keyed.left():
            ordinal, length = struct.unpack("<IH", keyed.take(6))
            names[ordinal] = keyed.take(length)
        for i in range(count):
            end, digest = struct.unpack("<I32s", payload[12 + 36 * i:48 + 36 * i])
            check(sha(text[start:end]) == digest, "an entry is not what its digest says")
            entries.append((text[start:end], digest, names.get(i)))
            start = end
        self.contents[entries[0][1] if count == 1 else sha(payload[:rows + keys])] = entries
    def decided(self, payload):
        b = Bytes(payload)
        check(b.byte() == 1, "version of a decided frame")
        while b.left():
            record, chain = b.take(b.u()), b.take(32)
            if self.lost and Bytes(record[1:]).u() != self.raft + 1: continue
            self.chain = sha(self.chain + record)
            check(chain == self.chain, "chain of record", self.raft + 1)
            self.record(Bytes(record))
    def record(self, b):
        kind, index, _ = b.byte(), b.u(), b.u()
        self.raft += 1
        check(index == self.raft, "record", index, "instead of", self.raft)
        if kind == 0: return
        skipped, _ = b.byte() & 1, [b.u() for _ in range(4)] + b.list(b.u)
        if kind != 1: return
        at, digest, count, ordinal = b.u64(), b.take(32), b.u(), 0
        self.names.update(b.list(lambda: (b.u(), b.name()))), b.list(b.name)
        for _ in range(b.u()): ordinal = self.item(b, at, digest, ordinal)
        check(ordinal == (0 if skipped else count) and not b.left(), "record", index, "is not whole")
    def item(self, b, at, digest, ordinal):
        flags, appends, each = b.byte(), b.u(), b.u()
        status, duplicate, forgotten = flags & 7, flags & 32, flags & 64
        log, n = (b.u() if status == 1 else 0), (0 if forgotten else b.u())
        if duplicate and not forgotten: b.u()
        [b.u() for _ in range(flags >> 2 & 2)], b.take(48 * (flags >> 4 & 1))
        if status == 1 and not duplicate:
            check(n == self.heads.get(log, 0) + 1, "log", log, "goes on at", n)
            self.heads[log] = n + appends * each - 1
            if self.names[log] == self.log: # the content may come late
                self.rows += [(n + i, at, self.contents.get(digest), digest, ordinal + i) for i in range(appends * each)]
        return ordinal + appends * each
    def show(self, index, at, entries, digest, ordinal):
        if not (entries := entries or self.contents.get(digest)): self.gone += 1; return
        text, digest, key = entries[ordinal]
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at // 10**9)) + ".%09dZ" % (at % 10**9)
        named = b',"key":' + json.dumps(key.decode(), ensure_ascii=False).encode() if key else b""
        sys.stdout.buffer.write(b'{"index":%d,"time":"%s","hash":"%s"%s,"entry":%s}\n' % (index, stamp.encode(), digest.hex().encode(), named, text))
    def checkpoint(self, payload):
        b = Bytes(payload)
        check(b.byte() in (1, 2, 3) and crc(payload[:-4]) == struct.unpack("<I", payload[-4:])[0], "checksum of a checkpoint")
        raft, _, chain = b.u(), [b.u() for _ in range(4)], b.take(32)
        b.u64(), b.settings(), payload[0] > 1 and (b.u(), [b.list(b.u) for _ in range(4)]), b.list(lambda: (b.u(), b.u(), b.u()))
        logs = b.list(lambda: (b.u(), b.name()))
        if self.lost and raft > self.raft:
            self.gone += sum(head - self.heads.get(n + 1, 0) for n, (head, name) in enumerate(logs) if name == self.log)
            self.heads, self.names = [dict(enumerate(field, 1)) for field in zip(*logs)] or ({}, {})
            self.raft, self.chain = raft, chain
        self.lost = 0
        check((raft, chain) == (self.raft, self.chain), "a checkpoint behind record", self.raft)
        check(logs == [(self.heads[n + 1], self.names[n + 1]) for n in range(len(self.names))], "logs of a checkpoint")
    def seal(self, payload):
        if not payload: return
        b = Bytes(payload)
        check(b.byte() == 1, "version of a seal")
        _, after, _ = (b.u(), b.u(), b.u(), b.take(32)), b.take(32), b.take(b.u())
        if b.left(): self.decided(b.take(b.left()))
        check(after == self.chain or self.lost, "chain of a seal")

if len(sys.argv) != 3: sys.exit(__doc__)
Reader(sys.argv[2]).files(sys.argv[1])
