"""Writes what the pipeline answers with the tiny models when their folders look otherwise than `save_pretrained` makes them.

A folder is one of those that `tiny.py` made, with some files changed: `merged` holds JSON merge patches (RFC 7396), `null`
keys that become null, `texts` whole files, and `removed` files that are taken away.

    python reference/folders.py --tiny crates/qa/tests/tiny --out crates/qa/tests/golden/folders.json
"""

import argparse
import json
import pathlib
import shutil
import tempfile

import safetensors.torch
import torch
import transformers

from cases import EIFFEL, add_cases, to_json
from parity import answer

CASED = "Ada BYRON wrote the Opéra in Paris; ada byron and the OPERA were in PARIS, not in Köln."
MIXED = "The tower 东方明珠 is in Paris [MASK] and <mask> the capital</s> is [SEP] Berlin. 大阪は西にあります。"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tiny", type=pathlib.Path, required=True, help="the folder of the tiny models")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="the file to write")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    contexts, cases = [], []
    add_cases(questions(), contexts, cases)
    golden = {
        "transformers": transformers.__version__,
        "contexts": contexts,
        "folders": [
            {"name": name, "base": base, **changes, **answered(arguments.tiny / base, changes, contexts, cases)}
            for name, base, changes in folders()
        ],
    }
    arguments.out.write_text(to_json(golden), encoding="utf-8")


def questions():
    yield "cased", "Who wrote the OPERA?", CASED, {"top_k": 4}
    yield "cased, tokens", "Who was in Köln?", CASED, {"top_k": 4, "align_to_words": False}
    yield "the first word", "Paris", "Paris was built, Paris.", {"top_k": 3}
    yield "mixed", "Where is the <mask>?", MIXED, {"top_k": 4, "handle_impossible_answer": True}
    yield "windows", "Who built the tower?", EIFFEL, {"max_seq_len": 40, "doc_stride": 7, "top_k": 4}
    yield "default windows", "Who?", " ".join([EIFFEL] * 3), {"top_k": 2, "handle_impossible_answer": True}


def folders():
    """Name, base and changes of every folder."""
    yield from settings_of_word_pieces()
    yield from settings_of_byte_pairs()
    yield from settings_of_all()
    yield from vocabularies()
    yield from configs()


def settings_of_word_pieces():
    yield "case is kept", "bert", setting(do_lower_case=False)
    yield "accents are kept", "bert", setting(strip_accents=False)
    yield "only accents are stripped", "bert", setting(do_lower_case=False, strip_accents=True)
    yield "Chinese characters are no words", "bert", setting(tokenize_chinese_chars=False)
    yield "case goes by the default of the class", "bert", {
        "removed": ["tokenizer_config.json"],
        "merged": {"tokenizer.json": {"normalizer": {"lowercase": False, "strip_accents": False}}},
    }
    yield "a cased model that is told to ignore case", "distilbert", setting(do_lower_case=True)
    yield "any tokenizer, whose case is its own", "bert", {
        "merged": {
            "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast"},
            "tokenizer.json": {"normalizer": {"lowercase": False}},
        }
    }


def settings_of_byte_pairs():
    yield "a space before the first word", "roberta", setting(add_prefix_space=True)
    yield "offsets with their spaces", "roberta", setting(trim_offsets=False)
    yield "both", "roberta", setting(add_prefix_space=True, trim_offsets=False)
    yield "spaces by the default of the class", "roberta", {
        "removed": ["tokenizer_config.json"],
        "merged": {
            "tokenizer.json": {
                "pre_tokenizer": {"add_prefix_space": True},
                "post_processor": {"add_prefix_space": True, "trim_offsets": False},
            }
        },
    }
    yield "any tokenizer with a space before the first word", "roberta", setting(
        tokenizer_class="PreTrainedTokenizerFast", add_prefix_space=True,
        model_input_names=["input_ids", "attention_mask"],
    )


def settings_of_all():
    yield "windows from the end", "bert", setting(truncation_side="left")
    yield "windows from the end by tokenizer.json", "roberta", {
        "merged": {
            "tokenizer.json": {
                "truncation": {"direction": "Left", "max_length": 64, "strategy": "LongestFirst", "stride": 0}
            }
        }
    }
    yield "no token types", "bert", setting(model_input_names=["input_ids", "attention_mask"])
    yield "no class token", "bert", setting(tokenizer_class="PreTrainedTokenizerFast", cls_token=None)
    yield "another class token", "bert", {
        "removed": ["tokenizer_config.json"],
        "texts": {"special_tokens_map.json": json.dumps({"cls_token": "[MASK]", "mask_token": {"content": "[MASK]", "lstrip": True}})},
    }
    yield "special tokens are text", "bert", setting(split_special_tokens=True)
    yield "a short length under its old name", "bert", setting(model_max_length=None, max_len=48)
    yield "a short length under its old name alone", "bert", {
        "removed": ["tokenizer_config.json"],
        "texts": {"tokenizer_config.json": json.dumps({"max_len": 48})},
    }
    yield "tokens of the settings", "bert", setting(added_tokens_decoder={
        "4": {"content": "[MASK]", "lstrip": True, "rstrip": True, "normalized": False, "single_word": False, "special": True},
        "60": {"content": "paris", "lstrip": False, "rstrip": False, "normalized": True, "single_word": False, "special": False},
    })
    yield "tokens of added_tokens.json", "roberta", {
        "removed": ["tokenizer_config.json"],
        "texts": {"added_tokens.json": json.dumps({"aris": 100}), "special_tokens_map.json": json.dumps({"mask_token": "<mask>"})},
    }
    yield "no added tokens in tokenizer.json", "bert", {
        "removed": ["tokenizer_config.json"],
        "merged": {"tokenizer.json": {"added_tokens": []}},
    }


def vocabularies():
    yield "vocab.txt", "bert", {"vocabulary": True}
    yield "vocab.txt and no settings", "bert", {"vocabulary": True, "removed": ["tokenizer_config.json"]}
    yield "vocab.txt, case kept", "distilbert", {"vocabulary": True}
    yield "vocab.json and merges.txt", "roberta", {"vocabulary": True}
    yield "vocab.json and merges.txt, a space before the first word", "roberta", {
        "vocabulary": True, **setting(add_prefix_space=True),
    }
    yield "vocab.json, merges.txt and no settings", "roberta", {"vocabulary": True, "removed": ["tokenizer_config.json"]}


def configs():
    yield "no architectures", "bert", {"merged": {"config.json": {"architectures": None}}}
    yield "the architecture of another task", "bert", {"merged": {"config.json": {"architectures": ["BertForMaskedLM"]}}}
    yield "architectures of null", "distilbert", {"null": {"config.json": ["architectures"]}}
    yield "no padding token", "bert", {"null": {"config.json": ["pad_token_id"]}}
    yield "sizes by default", "bert", {"merged": {"config.json": {"hidden_act": None, "layer_norm_eps": None, "type_vocab_size": None}}}


def setting(**settings):
    """A setting that is None is taken out."""
    return {"merged": {"tokenizer_config.json": settings}}


def answered(base, changes, contexts, cases):
    """The answers, and the files that had to be made for them."""
    made = {}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        shutil.copytree(base, folder, dirs_exist_ok=True)
        if base.name == "distilbert":
            with_prefix(folder / "model.safetensors")
        if changes.get("vocabulary"):
            made = {"texts": vocabulary(folder), "removed": ["tokenizer.json", *changes.get("removed", [])]}
        change(folder, {**changes, **made})
        pipeline = transformers.pipeline("question-answering", model=str(folder), device="cpu", torch_dtype=torch.float32)
        return {**made, "cases": [answer(pipeline, contexts, case) for case in cases]}


def with_prefix(path):
    """Transformers does not load a model with its head that was saved without the prefix of its names."""
    weights = safetensors.torch.load_file(path)
    weights = {name if name.startswith("qa_outputs") else f"distilbert.{name}": weight for name, weight in weights.items()}
    safetensors.torch.save_file(weights, path, metadata={"format": "pt"})


def vocabulary(folder):
    """The files of which the slow tokenizers of transformers are made."""
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]
    pieces = sorted(tokenizer["vocab"], key=tokenizer["vocab"].get)
    if tokenizer["type"] == "WordPiece":
        return {"vocab.txt": "\r\n".join(pieces) + "\r\n"}
    merges = "\n".join(" ".join(merge) for merge in tokenizer["merges"])
    return {"vocab.json": json.dumps(tokenizer["vocab"]), "merges.txt": f"#version: 0.2\n{merges}\n"}


def change(folder, changes):
    for file in changes.get("removed", []):
        (folder / file).unlink()
    for file, text in changes.get("texts", {}).items():
        (folder / file).write_bytes(text.encode())
    for file, patch in changes.get("merged", {}).items():
        rewrite(folder / file, lambda content: merge(content, patch))
    for file, keys in changes.get("null", {}).items():
        rewrite(folder / file, lambda content: {**content, **dict.fromkeys(keys)})


def rewrite(path, changed):
    path.write_text(json.dumps(changed(json.loads(path.read_text(encoding="utf-8")))), encoding="utf-8")


def merge(content, patch):
    if not isinstance(patch, dict):
        return patch
    content = dict(content) if isinstance(content, dict) else {}
    for key, value in patch.items():
        if value is None:
            content.pop(key, None)
        else:
            content[key] = merge(content.get(key), value)
    return content


if __name__ == "__main__":
    main()
