#!/usr/bin/env bash
# gguf.sh - GGUF against llama.cpp's own files, and the way to it and back on
# real models: every line must say "same".
#
# docs-5m-f16.gguf was made of docs-5m by llama.cpp's converter.
# shellcheck source=tests/bench/common.sh
. "$(dirname "$0")/common.sh"

need_models docs-5m kjv-1m stories260k

say() {
	printf '%-58s %s\n' "$1" "$2"
}
compare() {
	if cmp -s "$2" "$3"; then say "$1" same; else say "$1" DIFFERENT; fi
}

# Exactly, through pipes.
for f in "$MODELS"/docs-5m/docs-5m-f16.gguf "$MODELS"/stories260k/*.gguf; do
	"$HVQZ" --lossless <"$f" >"$tmp/m.hvqz"
	"$HVQZ" -d <"$tmp/m.hvqz" >"$tmp/back"
	compare "${f##*/} in $(wc -c <"$tmp/m.hvqz") of $(wc -c <"$f")" \
		"$tmp/back" "$f"
done

# Into GGUF and out of it.
for model in docs-5m kjv-1m; do
	mkdir "$tmp/$model"
	cp "$MODELS/$model"/{config,tokenizer}.json "$tmp/$model"
	for f in "$MODELS/$model"/{.,variants}/*.safetensors; do
		cp "$f" "$tmp/$model/m.safetensors"
		"$HVQZ" -f --to gguf "$tmp/$model/m.safetensors"
		"$HVQZ" --to safetensors <"$tmp/$model/m.gguf" >"$tmp/back"
		compare "$model/${f##*/} to GGUF and back" "$tmp/back" "$f"
	done
done

# Beside llama.cpp's: tensors and keys.
cp "$MODELS/docs-5m/model.safetensors" "$tmp/docs-5m/m.safetensors"
"$HVQZ" -f --to gguf "$tmp/docs-5m/m.safetensors"
/usr/bin/python3 "$(dirname "$0")/gguf_compare.py" "$tmp/docs-5m/m.gguf" \
	"$MODELS/docs-5m/docs-5m-f16.gguf"

# And SentencePiece's tokens, with the tokenizer.json that they would have.
cp "$MODELS"/stories260k/config.json "$tmp"
cp "$MODELS"/stories260k/variants/model-f32.safetensors "$tmp/model.safetensors"
/usr/bin/python3 "$(dirname "$0")/gguf_tokenizer.py" \
	"$MODELS/stories260k/stories260K-f16.gguf" >"$tmp/tokenizer.json"
"$HVQZ" -f --to gguf --dtype f16 "$tmp/model.safetensors"
/usr/bin/python3 "$(dirname "$0")/gguf_compare.py" "$tmp/model.gguf" \
	"$MODELS/stories260k/stories260K-f16.gguf"

# A lossy one: the GGUF and the safetensors hold the same weights.
"$HVQZ" -q --bpp 3 --sidecar "$MODELS/docs-5m/sidecar/full.safetensors" \
	-o "$tmp/q.hvqz" "$tmp/docs-5m/m.gguf"
"$HVQZ" -d -o "$tmp/q.gguf" "$tmp/q.hvqz"
"$HVQZ" -d --to safetensors -o "$tmp/q.safetensors" "$tmp/q.hvqz"
"$HVQZ" --to safetensors <"$tmp/q.gguf" >"$tmp/back"
compare "docs-5m at 3 bpp: GGUF and safetensors" "$tmp/back" \
	"$tmp/q.safetensors"
"$HVQZ-eval" -n "${SEQUENCES:-24}" --tokens "$MODELS/docs-5m/eval.u16" \
	"$MODELS/docs-5m" --weights "$tmp/q.hvqz" --weights "$tmp/q.gguf" \
	--weights "$tmp/q.safetensors"
