"""The questions that the reference pipelines answer: some from SQuAD, and what is likely to go wrong.

A case is a dictionary of a name, a question, the numbers of the contexts that are joined by line feeds, and options.
"""

import gzip
import json

EIFFEL = (
    "The Eiffel Tower is a wrought-iron lattice tower on the Champ de Mars in Paris, France. It is named after the "
    "engineer Gustave Eiffel, whose company designed and built the tower from 1887 to 1889."
)
REPEATED = (
    "PARIS hosts the games. Many people love Paris. The capital is paris, they say, and Paris it stays. "
    "\"Paris?\" asked the visitor. Paris."
)
WORDS = "It's a state-of-the-art re-implementation; antidisestablishmentarianism isn't supercalifragilisticexpialidocious."


ATTRIBUTION = "contexts and questions named squad: SQuAD 1.1, Rajpurkar et al. 2016, CC BY-SA 4.0"


def squad_articles(path):
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as file:
        return json.load(file)["data"]


def squad_sample(path):
    """One paragraph of each article, with two or three questions."""
    contexts, cases = [], []
    for number, article in enumerate(squad_articles(path)):
        paragraphs = [paragraph for paragraph in article["paragraphs"] if len(paragraph["context"]) < 900]
        paragraph = paragraphs[(7 * number) % len(paragraphs)]
        contexts.append(paragraph["context"])
        for question in paragraph["qas"][: 2 + number % 2]:
            cases.append(squad_case(question, number))
    return contexts, cases


def squad_many(path, questions_each):
    """As many questions of each article, about its shortest paragraphs: many in little time and space."""
    contexts, cases = [], []
    for article in squad_articles(path):
        wanted = questions_each
        for paragraph in sorted(article["paragraphs"], key=lambda found: len(found["context"])):
            questions = paragraph["qas"][:wanted]
            if questions:
                cases.extend(squad_case(question, len(contexts)) for question in questions)
                contexts.append(paragraph["context"])
            wanted -= len(questions)
    return contexts, cases


def squad_case(question, context):
    return {"name": "squad " + question["id"], "question": question["question"], "contexts": [context], "options": {}}


def long_cases():
    """Questions about several of SQuAD's paragraphs at once: contexts of one to a dozen windows."""
    for number, paragraphs in enumerate([range(3), range(3, 7), range(8, 14), range(20, 30), [5, 5, 5], [30, 31, 32, 30]]):
        for options in [{}, {"top_k": 3}, {"top_k": 20, "handle_impossible_answer": True}]:
            yield f"long {number}", "Who was in charge?", list(paragraphs), options
    yield "long, narrow windows", "When did it begin?", [0, 1], {"max_seq_len": 64, "doc_stride": 16, "top_k": 5}
    yield "long, widest windows", "When did it begin?", list(range(9, 16)), {"max_seq_len": 512, "doc_stride": 200}
    yield "long, no overlap", "Where was it built?", list(range(16, 22)), {"doc_stride": 0, "top_k": 3}


def awkward_cases():
    """Name, question, context and options of what is likely to go wrong."""
    yield from option_cases()
    yield from window_cases()
    yield from text_cases()


def option_cases():
    where, when = "Where is the Eiffel Tower?", "When was the tower built?"
    yield "top 3", where, EIFFEL, {"top_k": 3}
    yield "top 20", when, EIFFEL, {"top_k": 20}
    yield "no answer allowed", "Who won the match?", EIFFEL, {"handle_impossible_answer": True}
    yield "no answer among the top 3", "Who won the match?", EIFFEL, {"handle_impossible_answer": True, "top_k": 3}
    yield "tokens, not words", "What was built?", WORDS, {"align_to_words": False, "top_k": 8}
    yield "words", "What was built?", WORDS, {"top_k": 8}
    yield "tokens, the one best", "What is it?", WORDS, {"align_to_words": False}
    yield "answers of one token", when, EIFFEL, {"max_answer_len": 1, "top_k": 4}
    yield "answers of three tokens", "Who designed the tower?", EIFFEL, {"max_answer_len": 3, "top_k": 4}
    yield "answers as long as the context", "What is it?", EIFFEL, {"max_answer_len": 400, "top_k": 4}
    yield "everything at once", when, EIFFEL, {
        "top_k": 7, "max_answer_len": 6, "max_seq_len": 30, "doc_stride": 9, "handle_impossible_answer": True,
        "align_to_words": False,
    }
    yield "repeated in different case", "What is the capital?", REPEATED, {"top_k": 6}
    yield "repeated, tokens", "What is the capital?", REPEATED, {"top_k": 6, "align_to_words": False}
    yield "repeated over windows", "What is the capital?", REPEATED, {"top_k": 6, "max_seq_len": 20, "doc_stride": 6}


def window_cases():
    for max_seq_len, doc_stride in [(16, 0), (16, 4), (20, 7), (24, 12), (32, 1), (40, None), (48, 24)]:
        options = {"max_seq_len": max_seq_len, "top_k": 4}
        if doc_stride is not None:
            options["doc_stride"] = doc_stride
        yield f"windows of {max_seq_len}, stride {doc_stride}", "Who built it?", EIFFEL, options
    yield "words cut by windows", "What is it?", WORDS, {"max_seq_len": 14, "doc_stride": 3, "top_k": 6}
    yield "no answer over windows", "Who won?", EIFFEL, {
        "max_seq_len": 24, "doc_stride": 8, "handle_impossible_answer": True, "top_k": 3,
    }
    yield "a question longer than any window's half", "who " * 200 + "built it?", EIFFEL, {}


def text_cases():
    yield "one word", "Where?", "Paris", {}
    yield "one word, top 3", "Where?", "Paris", {"top_k": 3}
    yield "two words, top 20", "Where?", "in Paris", {"top_k": 20}
    yield "one letter", "What?", "x", {"top_k": 2}
    yield "one punctuation mark", "What?", "!", {"top_k": 2}
    yield "white space", "Where?", " \t\n ", {}
    yield "white space, top 3", "Where?", "   ", {"top_k": 3}
    yield "a question of white space", " ", "I live in Berlin.", {}
    yield "NUL alone", "Where?", "\0", {}
    yield "NUL inside", "Where does\0 she live?", "She \0lives\0 in Ber\0lin, not\0 in Bonn.", {"top_k": 3}
    yield "control characters", "Where does she live?", "She\x07 lives\x1b[1m in\x7f Berlin\x85.", {"top_k": 3}
    yield "CRLF", "Where does Ann live?", "Name: Ann\r\nCity: Berlin\r\n\r\nName: Bob\r\nCity: Rome\r\n", {"top_k": 3}
    yield "leading white space", "Where does Ann live?", "   \n\t Ann lives in Berlin.  ", {}
    yield "emoji", "Where is the party?", "The party 🎉🎉 is in 🇫🇷 Paris 🗼, at 8 pm 👩‍👩‍👧‍👦!", {"top_k": 3}
    yield "only emoji", "Where?", "🎉🇫🇷🗼👩‍👩‍👧‍👦", {"top_k": 3}
    yield "emoji in a word", "Who is he?", "He is Ann🎉a Smith🗼son.", {"top_k": 3}
    yield "combining marks", "Where is the cafe?", "The cafe\u0301 is in Mu\u0308nchen, not in Ko\u0308ln.", {"top_k": 3}
    yield "composed marks", "Where is the café?", "The café is in München, not in Köln.", {"top_k": 3}
    yield "many marks", "Who is it?", "Z\u0351\u036b\u0343a\u0322\u0321\u0328l\u0334\u0335g\u0489o\u030c came to town.", {"top_k": 3}
    yield "marks alone", "What?", "\u0301\u0308\u0322", {"top_k": 2}
    yield "CJK", "首都はどこですか?", "日本の首都は東京です。大阪は西にあります。", {"top_k": 3}
    yield "CJK tokens", "首都はどこですか?", "日本の首都は東京です。大阪は西にあります。", {"top_k": 3, "align_to_words": False}
    yield "Chinese and English", "Where is the tower?", "The 东方明珠 tower is in 上海 (Shanghai).", {"top_k": 3}
    yield "Hangul", "Where does he live?", "그는 서울에 산다. He lives in Seoul 서울.", {"top_k": 3}
    yield "Arabic", "أين تقع القاهرة؟", "تقع القاهرة في مصر على نهر النيل.", {"top_k": 3}
    yield "Hebrew with points", "Where is it?", "יְרוּשָׁלַיִם is the city of שָׁלוֹם.", {"top_k": 3}
    yield "both directions", "Where is Cairo?", "Cairo (القاهرة) is in Egypt (مصر).", {"top_k": 3}
    yield "Devanagari", "Where is it?", "दिल्ली भारत में है। Delhi is in India.", {"top_k": 3}
    yield "letters that grow", "Where is it?", "İSTANBUL is big; İstanbul is in Türkiye; istanbul is old. STRASSE, straße.", {"top_k": 5}
    yield "sigmas", "Who?", "ΟΔΥΣΣΕΥΣ and Οδυσσευς and οδυσσευσ sailed home.", {"top_k": 5}
    yield "ligatures and width", "What is fine?", "The ﬁne ﬂat is Ｆｕｌｌ ｗｉｄｔｈ ½ and ㎏.", {"top_k": 3}
    yield "invisible", "Where does she live?", "She lives\u200b in\u00ad Ber\u2060lin\ufeff, \u202ereversed\u202c.", {"top_k": 3}
    yield "odd spaces", "Where does she live?", "She\u00a0lives\u2003in\u3000Berlin\u2028now.", {"top_k": 3}
    yield "special tokens in the context", "Where does she live?", "She [MASK] lives [SEP] in [CLS] Berlin [PAD] now.", {"top_k": 3}
    yield "a word of 150 letters", "What is it?", "It is " + "a" * 150 + " indeed.", {"top_k": 3}
    yield "punctuation", "How much?", "***(($1,234.56!!!))*** -- [not $9.99]", {"top_k": 4}
    yield "underscores and digits", "What is the file?", "file_name_2.tar.gz v1.2.3 x_1 2024-05-06T07:08:09Z", {"top_k": 4}
    yield "private use and unassigned", "Where?", "In \ue000 Berlin \U000e0001 and \U0010fffd Bonn.", {"top_k": 3}
    yield "English possessive", "Whose book is it?", "It's the dog's; Levi's jeans aren't O'Neill's.", {"top_k": 4}


def awkward_variants():
    """The awkward cases, and those about odd text again with other options: more than 200."""
    yield from awkward_cases()
    for name, question, context, options in text_cases():
        for what, changed in VARIANTS.items():
            yield f"{name}, {what}", question, context, {**options, **changed}
    yield from long_question_cases()
    yield from edge_cases()


VARIANTS = {
    "tokens, the best ten": {"align_to_words": False, "top_k": 10},
    "narrow windows": {"max_seq_len": 40, "doc_stride": 3, "top_k": 3},
    "no answer allowed, short": {"handle_impossible_answer": True, "max_answer_len": 4, "top_k": 2},
}


def long_question_cases():
    """Around the length at which the pipeline fails, with contexts that fit and contexts that do not."""
    for tokens in [250, 251, 252, 253, 300, 378, 379, 380, 381, 382, 400]:
        question = "where " * (tokens - 4) + "is the tower?"
        yield f"a question of {tokens} tokens, a long context", question, " ".join([EIFFEL] * 3) + " " + REPEATED, {}
        yield f"a question of {tokens} tokens, a word", question, "Paris", {}
        yield f"a question of {tokens} tokens, a sentence", question, "It is in Paris.", {"max_seq_len": 512}


def edge_cases():
    """Answers that the edge of a window cuts, at every place; repeated ones; more wanted than there are."""
    for filler in range(12):
        context = "so " * filler + "it was Theodosius of Constantinople who antagonised Chrysostomos, they said."
        options = {"max_seq_len": 16, "doc_stride": 2 + filler % 3, "top_k": 3}
        yield f"cut by a window, {filler}", "Who was it?", context, options
    for wanted in [2, 5, 50]:
        yield f"three words, top {wanted}", "Where?", "Paris, PARIS, paris", {"top_k": wanted}
        options = {"top_k": wanted, "handle_impossible_answer": True}
        yield f"three words, top {wanted}, no answer allowed", "Where?", "Paris, PARIS, paris", options
    yield "a class token in the question", "[CLS] where is [CLS] it?", EIFFEL, {}
    yield "carriage returns", "Where is\rit?\r\n", "\r\nIn\rParis,\r\n\r\nFrance\r", {"top_k": 2}


def add_cases(awkward, contexts, cases):
    for name, question, context, options in awkward:
        if isinstance(context, str):
            if context not in contexts:
                contexts.append(context)
            context = [contexts.index(context)]
        cases.append({"name": name, "question": question, "contexts": context, "options": options})


def to_json(golden):
    """One line for each context and each case, so that changes can be read."""
    lines = []
    for key, value in golden.items():
        if isinstance(value, list):
            items = ",\n".join(json.dumps(item, ensure_ascii=True) for item in value)
            lines.append(f"{json.dumps(key)}: [\n{items}\n]")
        else:
            lines.append(f"{json.dumps(key)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"
