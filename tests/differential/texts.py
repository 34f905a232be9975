"""Random cases of operators on texts."""
import numpy as np

from case import CONTRIB, Case, family

WORDS = ["", "a", "b", "ab", "The", "cat", "Dog", "x1", "2.5", "a b", " c  d ", "e,f", "\u00e9t\u00e9", "aab", "abab", "42", "a-b", "NAN"]


def words(draw, shape):
    return np.array([draw.one_of(WORDS) for _ in range(int(np.prod(shape)))], object).reshape(shape)


@family("StringConcat")
def string_concat(draw, op):
    shape = draw.shape()
    return Case(op, [words(draw, shape), words(draw, draw.broadcast(shape))])


@family("StringSplit")
def string_split(draw, op):
    settings = {name: value for name, value in [("delimiter", draw.one_of(["", " ", ",", "b"])), ("maxsplit", draw.integer(1, 3))] if draw.chance(0.6)}
    # " a " split once at white space is "a" and "" by Python, which ONNX's reference is, and "a" alone by onnxruntime.
    x = np.vectorize(str.rstrip, otypes=[object])(words(draw, draw.shape(0, 3)))
    # Between delimiters an empty string is one piece, as in ONNX's reference; onnxruntime counts none.
    return Case(op, [np.where(x == "", "a", x) if settings.get("delimiter") else x], outputs=2, **settings)


@family("StringNormalizer")
def string_normalizer(draw, op):
    # Without the locale C onnxruntime asks for en_US, which not every machine has; it knows the case of ASCII alone there.
    plain = [word for word in WORDS if word.isascii()]
    shape = draw.one_of([[5], [1, 4], [1]])
    x = np.array([draw.one_of(plain) for _ in range(int(np.prod(shape)))], object).reshape(shape)
    settings = {"stopwords": draw.one_of([["a", "the"], ["DOG"], ["cat", "Dog"]])} if draw.chance(0.6) else {}
    return Case(op, [x], case_change_action=draw.one_of(["NONE", "LOWER", "UPPER"]), is_case_sensitive=draw.integer(0, 1), locale="C", **settings)


@family("RegexFullMatch")
def regex_full_match(draw, op):
    pattern = draw.one_of(["a*", "[a-z]+", "(ab)+|a", r"\d+(\.\d+)?", r"\w+", ".*b.*", "[^a]*", r"a\b.*", "x?1?", "(a|b){2,3}", r"\S* \S*"])
    return Case(op, [words(draw, draw.shape())], pattern=pattern)


@family("TfIdfVectorizer")
def tfidf_vectorizer(draw, op):
    """A pool of single tokens, pairs and triples."""
    texts = draw.chance(0.5)
    tokens = ["a", "b", "cat", "Dog"] if texts else [1, 2, 3, 4]
    lengths = [draw.integer(0, 4), draw.integer(0, 3), draw.integer(0, 3)]
    pool, starts, seen = [], [], set()
    for length, count in enumerate(lengths, 1):
        starts.append(len(pool))
        for _ in range(count):
            gram = tuple(draw.one_of(tokens) for _ in range(length))
            if gram not in seen:
                seen.add(gram)
                pool += gram
    if not pool:
        pool, starts, seen = [tokens[0]], [0, 1, 1], {tokens[0]}
    grams = len(seen)
    least = draw.integer(1, 3)
    settings = {"min_gram_length": least, "max_gram_length": draw.integer(least, 3), "max_skip_count": draw.integer(0, 2), "ngram_counts": starts,
                "ngram_indexes": [int(i) for i in draw.random.permutation(grams)], "pool_strings" if texts else "pool_int64s": pool}
    if draw.chance(0.6):
        settings["weights"] = [float(x) for x in draw.array([grams], np.float32, 0.5, 2)]
    shape = draw.one_of([[draw.integer(1, 9)], [draw.integer(1, 3), draw.integer(1, 9)]])
    kind = draw.one_of([np.int32, np.int64])
    x = np.array([draw.one_of(tokens + ["new" if texts else 9]) for _ in range(int(np.prod(shape)))], object if texts else kind).reshape(shape)
    return Case(op, [x], mode=draw.one_of(["TF", "IDF", "TFIDF"]), **settings)


@family("Tokenizer")
def tokenizer(draw, op):
    settings = draw.one_of([{"tokenexp": draw.one_of(["[a-z]+", r"\w\w*", "a|ab|bab", r"\b[a-z]", "[^ ,]+", "[0-9]*"])},
                            {"separators": draw.one_of([[" "], [" ", ","], ["[ ,]+"], ["b|ba"], [r"\W"]])}, {"separators": [""]}])
    least = 1 if settings.get("separators") == [""] else draw.integer(1, 2)
    shape = draw.one_of([[draw.integer(1, 4)], [draw.integer(1, 3), draw.integer(1, 3)]])
    return Case(op, [words(draw, shape)], domain=CONTRIB, mark=draw.integer(0, 1), mincharnum=least, pad_value="#", **settings)
