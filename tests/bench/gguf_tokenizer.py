#!/usr/bin/python3
"""gguf_tokenizer.py IN.gguf - the tokenizer.json that Hugging Face's converter
makes of SentencePiece's tokens and scores, which the GGUF has."""
import json
import sys

from gguf_compare import Gguf

UNKNOWN, CONTROL, SPACE = 2, 3, "\u2581"


def main():
    keys = Gguf(sys.argv[1]).keys

    def of(name):
        return keys["tokenizer.ggml." + name][1][1]

    tokens, scores, types = of("tokens"), of("scores"), of("token_type")
    ids = {t: i for i, t in enumerate(tokens)}
    merges = []
    for t, score in zip(tokens, scores):
        splits = [(t[:i], t[i:]) for i in range(1, len(t))]
        splits = [s for s in splits if s[0] in ids and s[1] in ids]
        splits.sort(key=lambda s: (ids[s[0]], ids[s[1]]))
        merges += [(score, " ".join(s)) for s in splits]
    merges.sort(key=lambda m: -m[0])
    json.dump({
        "added_tokens": [
            {"id": i, "content": tokens[i], "special": True}
            for i, kind in enumerate(types) if kind in (UNKNOWN, CONTROL)],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": SPACE},
            {"type": "Replace", "pattern": {"String": " "},
             "content": SPACE}]},
        "pre_tokenizer": None,
        "model": {
            "type": "BPE", "byte_fallback": True, "unk_token": "<unk>",
            "vocab": ids, "merges": [m[1] for m in merges]},
    }, sys.stdout)


main()
