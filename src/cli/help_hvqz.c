/* help_hvqz.c - what hvqz's own options are. */
#include "cli/help.h"

#include <stddef.h>

static const char usage[] =
	"Usage: hvqz [OPTION]... [FILE]...\n"
	"Compress the weights of a language model into FILE.hvqz, and back.\n"
	"Without FILE, or when it is -, from standard input to standard "
	"output.\n\n";

static const char brief[] =
	"  -z            encode (the default)\n"
	"  -d            decode\n"
	"  -t            test, write nothing\n"
	"  -l            list; -lv every tensor\n"
	"  -x GLOB       extract the tensors GLOB matches\n"
	"  -o FILE       write to FILE\n"
	"  -c            write to standard output\n"
	"  -f            overwrite; allow a terminal\n"
	"  --lossless    lose nothing at all\n"
	"  --bpp R       aim at a file of R bits a parameter\n"
	"  --quality Q   0 to 20, default 5; a point is half a bit a parameter\n"
	"  --sidecar F   the weights' sensitivities: better at the same size\n"
	"  --to FORMAT   convert to safetensors or gguf\n";

static const char modes[] =
	"Modes (the last one given wins):\n"
	"  -z, --encode           encode; the default\n"
	"  -d, --decode           decode; the default as unhvqz and (with -c) "
	"hvqzcat\n"
	"  -t, --test             decode, check every hash, write nothing\n"
	"  -l, --list             list; with -v every tensor; with -vv also what\n"
	"                         --condition did\n"
	"      --json             with -l: one JSON object a line\n"
	"  -x, --extract GLOB     tensors whose names match, as safetensors; "
	"repeatable\n"
	"      --rows A:B         with -x: only the rows from A up to B-1\n"
	"  -n, --dry-run          with -z: plan, report, write nothing\n";

static const char coding[] =
	"\nEncoding:\n"
	"      --quality Q        0 to 20, default 5: transparent; a point is "
	"half a\n"
	"                         bit a parameter and half the loss\n"
	"      --bpp R            aim at a whole file of R bits a parameter\n"
	"      --kl X             aim at a KL divergence of X nats a token; "
	"needs row\n"
	"                         sensitivities\n"
	"      --body BODY        how to quantize: trellis (the default), kmeans "
	"or rtn\n"
	"      --preset mid|high  the k-means body with the published settings: "
	"b=4,\n"
	"                         rho=1.5% or b=2, rho=2%\n"
	"      --faithful         HAS-VQ exactly as published\n"
	"      --lossless         restore the file byte for byte\n"
	"      --base FILE        with it: as the difference from another "
	"model; also\n"
	"                         with -d, -t and -x\n"
	"      --centroids K      codebook entries, 2 to 16384\n"
	"      --block B          weights a codebook entry stands for: 1, 2, 4 "
	"or 8\n"
	"      --bits N           the rtn body, round to nearest: bits a weight, "
	"2 to 8;\n"
	"                         default 4\n"
	"      --group N          the same: weights that share a scale; 0, the "
	"default:\n"
	"                         a row\n"
	"      --outliers RHO     share of exact weights, 0 to 0.5 (or 1.5%)\n"
	"  -1 ... -9              effort of the encoder; default -5\n"
	"      --condition C      quantize in conditioned coordinates: none "
	"(default),\n"
	"                         smooth (scaled) or hero (and rotated)\n"
	"      --alpha A          how far to scale: 0 to 1, or auto (default)\n"
	"      --sidecar FILE     sensitivities; repeatable, the later one's "
	"entries win\n"
	"      --tensor GLOB=SETTING\n"
	"                         settings for some tensors; the first match "
	"wins:\n"
	"                         lossless raw trellis q=Q kmeans mid high "
	"faithful k=N\n"
	"                         b=N rho=X rtn bits=N group=N condition=C alpha=A\n"
	"      --chunk SIZE       parameters a chunk, with K or M for 1024s; "
	"default 4M\n"
	"      --no-verify        do not decode each chunk right after "
	"encoding it\n"
	"      --verify           do (the default)\n";

static const char decoding[] =
	"\nDecoding:\n"
	"      --dtype TYPE       restore lossy tensors as source (default), "
	"f16, bf16\n"
	"                         or f32\n"
	"      --to FORMAT        format to restore; without a mode: convert to "
	"it\n"
	"      --keep-going       with -d and -x: restore what is not damaged, "
	"with zeros\n"
	"                         for the rest\n"
	"\nFormats (told by content; --to names them):\n"
	"  safetensors            read and written\n"
	"  gguf                   read and written; from safetensors with "
	"config.json\n"
	"                         and tokenizer.json beside it (Llama family)\n"
	"  hvqz                   ours\n";

static const char files[] =
	"\nFiles:\n"
	"  -o, --output FILE      write to FILE; - is standard output\n"
	"  -c, --stdout           write to standard output\n"
	"  -S, --suffix .SUF      suffix instead of .hvqz\n"
	"  -k, --keep             keep the source (the default)\n"
	"      --rm               remove the source once the result is safe on "
	"disk\n"
	"  -f, --force            overwrite; allow binary data on a terminal\n"
	"      --no-sync          do not wait for the disk\n";

static const char *const sections[] = {modes, coding, decoding, files, NULL};

const struct help help_hvqz = {usage, brief, sections};
