"""Writes a tiny random model of every family that `crates/qa` runs, and what the pipeline answers with each.

The weights are random, so the answers mean nothing; but tokenizers, inputs and graphs are those of the family. The
question-answering head is scaled up, so that spans are far from equally likely.

    python reference/tiny.py --out crates/qa/tests/tiny
"""

import argparse
import json
import pathlib
import tempfile

import safetensors.torch
import sentencepiece
import tokenizers
import torch
import transformers

from cases import EIFFEL, REPEATED, WORDS, add_cases, awkward_cases, to_json
from export import export
from parity import answer

# Sequences that the models have positions for, in tokens.
POSITIONS = 192

# Long enough for whole words, short enough to leave most words in pieces.
VOCABULARY = 420

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, required=True, help="the folder to write them to")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name, family in FAMILIES.items():
        write(name, family(), arguments.out / name)


def write(name, family, folder):
    """A model folder as `crates/qa` takes it, and the golden answers beside it."""
    tokenizer, model = family
    folder.mkdir(parents=True, exist_ok=True)
    model = model.float().eval()
    model.config.architectures = [type(model).__name__]
    spread(model, tokenizer)
    inputs = tokenizer.model_input_names
    export(model, inputs, folder / "model.onnx")
    if name in SAFETENSORS:
        SAFETENSORS[name](model.state_dict(), folder)
    with tempfile.TemporaryDirectory() as saved:
        tokenizer.save_pretrained(saved)
        model.config.save_pretrained(saved)
        for file in ["config.json", "tokenizer.json", "tokenizer_config.json"]:
            # Without indentation they are half as large.
            content = json.loads((pathlib.Path(saved) / file).read_text(encoding="utf-8"))
            (folder / file).write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")
    # What is tested is what was written.
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    pipeline = transformers.pipeline("question-answering", model=model, tokenizer=tokenizer, device="cpu")
    contexts, cases = [], []
    add_cases(fitting_cases(), contexts, cases)
    golden = {
        "transformers": transformers.__version__,
        "torch": torch.__version__,
        "contexts": contexts,
        "cases": [answer(pipeline, contexts, case) for case in cases],
    }
    (folder / "golden.json").write_text(to_json(golden), encoding="utf-8")


def one_file(weights, folder):
    safetensors.torch.save_file(weights, folder / "model.safetensors")


def without_prefix(weights, folder):
    one_file({name.removeprefix("distilbert."): weight for name, weight in weights.items()}, folder)


def two_files(weights, folder):
    names, places = sorted(weights), {}
    for number, part in enumerate([names[: len(names) // 2], names[len(names) // 2 :]], 1):
        file = f"model-{number:05}-of-00002.safetensors"
        safetensors.torch.save_file({name: weights[name] for name in part}, folder / file)
        places.update({name: file for name in part})
    index = {"metadata": {"total_size": sum(weight.nbytes for weight in weights.values())}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index) + "\n", encoding="utf-8")


# How the weights of the families that the encoder runs are saved: each in another way that is seen in the wild.
SAFETENSORS = {"bert": one_file, "distilbert": without_prefix, "roberta": two_files}


def spread(model, tokenizer):
    """Scales the head so that the logits of a sentence have a standard deviation of three."""
    with torch.no_grad():
        output = model(**{name: value for name, value in tokenizer(EIFFEL, return_tensors="pt").items()
                          if name in tokenizer.model_input_names})
        model.qa_outputs.weight *= 3 / torch.cat([output.start_logits, output.end_logits]).std()


def fitting_cases():
    """The awkward cases that leave room in a short window, and some of their own."""
    for name, question, context, options in awkward_cases():
        if len(question) < 200:
            yield name, question, context, options
    yield "many windows", "Who built the tower?", " ".join([EIFFEL, REPEATED, WORDS] * 3), {"top_k": 5}
    yield "the widest windows", "Who?", " ".join([EIFFEL] * 6), {"max_seq_len": POSITIONS, "doc_stride": 60, "top_k": 2}
    yield "a question too long", "where " * 300, EIFFEL, {}
    yield "special tokens of all families", "What?", "In <s> Paris </s> and <mask> <pad> [MASK] Rome [SEP].", {"top_k": 3}


def bert():
    config = transformers.BertConfig(**layers(), type_vocab_size=2, initializer_range=0.3)
    return word_pieces(transformers.BertTokenizerFast), transformers.BertForQuestionAnswering(seeded(config))


def distilbert():
    config = transformers.DistilBertConfig(
        vocab_size=VOCABULARY, dim=16, n_layers=2, n_heads=2, hidden_dim=32, max_position_embeddings=POSITIONS,
        initializer_range=0.3,
    )
    tokenizer = word_pieces(transformers.DistilBertTokenizerFast, lowercase=False)
    return tokenizer, transformers.DistilBertForQuestionAnswering(seeded(config))


def electra():
    config = transformers.ElectraConfig(**layers(), embedding_size=8, initializer_range=0.3)
    return word_pieces(transformers.ElectraTokenizerFast), transformers.ElectraForQuestionAnswering(seeded(config))


def mobilebert():
    config = transformers.MobileBertConfig(
        **layers(), embedding_size=8, intra_bottleneck_size=16, num_feedforward_networks=2, initializer_range=0.3
    )
    return word_pieces(transformers.MobileBertTokenizerFast), transformers.MobileBertForQuestionAnswering(seeded(config))


def albert():
    config = transformers.AlbertConfig(**layers(), embedding_size=8, initializer_range=0.3)
    return sentence_pieces(), transformers.AlbertForQuestionAnswering(seeded(config))


def roberta():
    config = transformers.RobertaConfig(
        **{**layers(), "max_position_embeddings": POSITIONS + 2}, type_vocab_size=1, pad_token_id=1, bos_token_id=0,
        eos_token_id=2, initializer_range=0.3,
    )
    return byte_pairs(), transformers.RobertaForQuestionAnswering(seeded(config))


FAMILIES = {
    "bert": bert,
    "distilbert": distilbert,
    "electra": electra,
    "mobilebert": mobilebert,
    "albert": albert,
    "roberta": roberta,
}


def layers():
    return {
        "vocab_size": VOCABULARY,
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": POSITIONS,
    }


def seeded(config):
    torch.manual_seed(13)
    config._attn_implementation = "eager"
    return config


def word_pieces(tokenizer_class, lowercase=True):
    trained = tokenizers.BertWordPieceTokenizer(lowercase=lowercase)
    trained.train_from_iterator(text(), vocab_size=VOCABULARY, min_frequency=1, special_tokens=SPECIAL, limit_alphabet=200)
    with tempfile.TemporaryDirectory() as folder:
        trained.save_model(folder)
        return tokenizer_class(f"{folder}/vocab.txt", do_lower_case=lowercase, model_max_length=POSITIONS)


def byte_pairs():
    trained = tokenizers.ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trained.train_from_iterator(text(), vocab_size=VOCABULARY, min_frequency=1, special_tokens=special)
    with tempfile.TemporaryDirectory() as folder:
        trained.save_model(folder)
        return transformers.RobertaTokenizerFast(
            f"{folder}/vocab.json", f"{folder}/merges.txt", model_max_length=POSITIONS
        )


def sentence_pieces():
    with tempfile.TemporaryDirectory() as folder:
        # A few of the rules that sentencepiece has by default, whose whole table is larger than the model.
        rules = pathlib.Path(folder) / "rules.tsv"
        rules.write_text("FF26\t46\n338F\t6B 67\nBD\t31 2F 32\nFB01\t66 69\n", encoding="utf-8")
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(text()), model_prefix=f"{folder}/spiece", vocab_size=VOCABULARY,
            normalization_rule_tsv=str(rules), character_coverage=0.98, hard_vocab_limit=False,
            pad_id=0, unk_id=1, bos_id=-1, eos_id=-1, control_symbols=["[CLS]", "[SEP]"],
            user_defined_symbols=["[MASK]"], minloglevel=2,
        )
        return transformers.AlbertTokenizerFast(f"{folder}/spiece.model", model_max_length=POSITIONS)


def text():
    """What the tokenizers learn from: the cases themselves."""
    return [part for _, question, context, _ in awkward_cases() for part in [question, context] if part.strip("\0 \t\n")]


if __name__ == "__main__":
    main()
