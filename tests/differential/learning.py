"""Random cases of ai.onnx.ml."""
import numpy as np
from onnx import helper

from case import Case, family

ML = "ai.onnx.ml"
POST = ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"]
KINDS = [np.float32, np.float64, np.int32, np.int64]


def of_ml(op, inputs, version=1, **settings):
    return Case(op, inputs, domain=ML, domain_opset=version, **settings)


def floats(draw, count, low=-2, high=2):
    return [float(x) for x in draw.array([count], np.float32, low, high)]


def labels(draw, count):
    if draw.chance(0.4):
        return {"classlabels_strings": [f"c{i}" for i in range(count)]}
    return {"classlabels_ints": [int(i) for i in draw.random.permutation(20)[:count]]}


def rows(draw, kinds=KINDS, columns=None):
    return draw.array([draw.integer(1, 6), columns or draw.integer(1, 6)], draw.one_of(kinds))


@family("ArrayFeatureExtractor")
def array_feature_extractor(draw, op):
    x = draw.array(draw.shape(1, 3, empty=False), draw.one_of(KINDS))
    return of_ml(op, [x, draw.array([1, draw.integer(1, 5)], np.int64, 0, x.shape[-1] - 1)])


@family("Binarizer")
def binarizer(draw, op):
    return of_ml(op, [draw.array(draw.shape(1, 4), np.float32)], threshold=0.4)


@family("CastMap")
def cast_map(draw, op):
    keys = sorted(int(key) for key in draw.random.permutation(8)[: draw.integer(1, 5)])
    settings = {"map_form": "SPARSE", "max_map": draw.integer(8, 10)} if draw.chance(0.5) else {}
    x = {key: np.float32(number) for key, number in zip(keys, floats(draw, len(keys)))}
    return of_ml(op, [x], cast_to=draw.one_of(["TO_FLOAT", "TO_INT64"]), **settings)


@family("DictVectorizer")
def dict_vectorizer(draw, op):
    """Of float32: onnxruntime's Python makes no other maps."""
    texts = draw.chance(0.5)
    vocabulary = ["a", "b", "c", "d"] if texts else [3, 1, 7, 5]
    chosen = sorted(key for key in vocabulary if draw.chance(0.6)) or vocabulary[:1]
    x = {key: np.float32(number) for key, number in zip(chosen, floats(draw, 4))}
    return of_ml(op, [x], **{"string_vocabulary" if texts else "int64_vocabulary": vocabulary})


@family("CategoryMapper")
def category_mapper(draw, op):
    settings = {"cats_strings": ["a", "b", "c"], "cats_int64s": [5, 6, 7], "default_string": "none", "default_int64": -2}
    shape = draw.shape(0, 3)
    if draw.chance(0.5):
        return of_ml(op, [draw.array(shape, np.int64, 4, 8)], **settings)
    return of_ml(op, [np.array([draw.one_of(["a", "b", "c", "x"]) for _ in range(int(np.prod(shape)))], object).reshape(shape)], **settings)


@family("FeatureVectorizer")
def feature_vectorizer(draw, op):
    n, sizes, kind = draw.integer(1, 4), [draw.integer(1, 4) for _ in range(draw.integer(1, 3))], draw.one_of(KINDS)
    return of_ml(op, [draw.array([n, size], kind) for size in sizes], inputdimensions=sizes)


@family("Imputer")
def imputer(draw, op):
    if draw.chance(0.4):
        x = rows(draw, [np.int64])
        count = draw.one_of([1, x.shape[1]])
        return of_ml(op, [x], imputed_value_int64s=[int(v) for v in draw.array([count], np.int64)], replaced_value_int64=1)
    x = rows(draw, [np.float32])
    missing = draw.one_of([float("nan"), 1.5])
    x = np.where(draw.random.random(x.shape) < 0.3, np.float32(missing), x)
    return of_ml(op, [x], imputed_value_floats=floats(draw, draw.one_of([1, x.shape[1]])), replaced_value_float=missing)


@family("LabelEncoder")
def label_encoder(draw, op):
    version = draw.one_of([1, 2, 4])
    shape = draw.shape(0, 3)
    texts = np.array([draw.one_of(["a", "b", "c", "x"]) for _ in range(int(np.prod(shape)))], object).reshape(shape)
    numbers = draw.array(shape, np.int64, 0, 3)
    if version == 1:
        settings = {"classes_strings": ["a", "b", "c"], "default_int64": -3, "default_string": "none"}
        return of_ml(op, [texts if draw.chance(0.5) else numbers], 1, **settings)
    keys, values = draw.one_of(["strings", "int64s", "floats"]), draw.one_of(["strings", "int64s", "floats"])
    lists = {"strings": ["a", "b", "c"], "int64s": [0, 1, 2], "floats": [0.0, 1.0, 2.0]}
    defaults = {"strings": "none", "int64s": -3, "floats": -1.5}
    x = {"strings": texts, "int64s": numbers, "floats": numbers.astype(np.float32)}[keys]
    return of_ml(op, [x], version, **{f"keys_{keys}": lists[keys], f"values_{values}": list(reversed(lists[values])),
                                      f"default_{values[:-1]}": defaults[values]})


@family("LinearClassifier")
def linear_classifier(draw, op):
    """Of one score for two classes only the logistic function makes what ONNX tells: probabilities."""
    classes, x = draw.integer(2, 4), rows(draw)
    stored = 1 if classes == 2 and draw.chance(0.4) else classes
    return of_ml(op, [x], outputs=2, coefficients=floats(draw, stored * x.shape[1]), intercepts=floats(draw, stored),
                 post_transform=draw.one_of(POST[:4] if stored > 1 else ["LOGISTIC"]), **labels(draw, classes))


@family("LinearRegressor")
def linear_regressor(draw, op):
    """Not the softmax of one target: onnxruntime leaves out "the transform to apply to the regression output vector"."""
    targets, x = draw.integer(1, 3), rows(draw, [np.float32])
    return of_ml(op, [x], coefficients=floats(draw, targets * x.shape[1]), targets=targets, post_transform=draw.one_of(POST[: min(targets, 2)]),
                 **({"intercepts": floats(draw, targets)} if draw.chance(0.7) else {}))


@family("Normalizer")
def normalizer(draw, op):
    return of_ml(op, [rows(draw)], norm=draw.one_of(["MAX", "L1", "L2"]))


@family("OneHotEncoder")
def one_hot_encoder(draw, op):
    shape, zeros = draw.shape(1, 3), draw.chance(0.7)
    if draw.chance(0.4):
        x = np.array([draw.one_of(["a", "b", "c"] + ["x"] * zeros) for _ in range(int(np.prod(shape)))], object).reshape(shape)
        return of_ml(op, [x], cats_strings=["b", "a", "c"], zeros=int(zeros))
    return of_ml(op, [draw.array(shape, draw.one_of(KINDS[2:]), 0, 3 if zeros else 2)], cats_int64s=[2, 0, 1], zeros=int(zeros))


@family("Scaler")
def scaler(draw, op):
    x = rows(draw)
    count = draw.one_of([1, x.shape[1]])
    return of_ml(op, [x], offset=floats(draw, count), scale=floats(draw, count, 0.1, 2))


@family("SVMRegressor")
def svm_regressor(draw, op):
    x = rows(draw, [np.float32])
    vectors = draw.integer(1, 4)
    kernel = draw.one_of(["LINEAR", "POLY", "RBF", "SIGMOID"])
    return of_ml(op, [x], coefficients=floats(draw, vectors), support_vectors=floats(draw, vectors * x.shape[1]), n_supports=vectors, rho=[0.3],
                 kernel_type=kernel, kernel_params=[0.3, 0.5, 2.0], one_class=draw.integer(0, 1))


@family("SVMClassifier")
def svm_classifier(draw, op):
    x, classes = rows(draw), draw.integer(2, 4)
    each = [draw.integer(1, 3) for _ in range(classes)]
    vectors, pairs = sum(each), classes * (classes - 1) // 2
    settings = {"prob_a": floats(draw, pairs, -2, -0.5), "prob_b": floats(draw, pairs, -0.1, 0.1)} if draw.chance(0.5) else {}
    return of_ml(op, [x], outputs=2, coefficients=floats(draw, vectors * (classes - 1)), support_vectors=floats(draw, vectors * x.shape[1]),
                 vectors_per_class=each, rho=floats(draw, pairs), kernel_type=draw.one_of(["LINEAR", "POLY", "RBF", "SIGMOID"]),
                 kernel_params=[0.3, 0.5, 2.0], **labels(draw, classes), **settings)


def trees(draw, features, weights, modes, some=False):
    """Nodes of some trees of depth 1 to 3, and `weights` weights in each leaf; or `some` of them."""
    nodes = {name: [] for name in ("treeids", "nodeids", "featureids", "modes", "values", "truenodeids", "falsenodeids", "missing_value_tracks_true")}
    leaves = {name: [] for name in ("treeids", "nodeids", "ids", "weights")}

    def grow(at, depth, own):
        index = own[0]
        own[0] += 1
        row = len(nodes["treeids"])
        leaf = depth == 0 or draw.chance(0.2)
        for name, value in {"treeids": at, "nodeids": index, "featureids": 0 if leaf else draw.integer(0, features - 1),
                            "truenodeids": 0, "falsenodeids": 0, "modes": "LEAF" if leaf else draw.one_of(modes), "values": 0.0 if leaf else float(np.float32(draw.integer(-4, 4) / 2)),
                            "missing_value_tracks_true": 0 if leaf else draw.integer(0, 1)}.items():
            nodes[name].append(value)
        if leaf:
            for i in sorted(draw.random.permutation(weights)[: draw.integer(1, weights) if some else weights].tolist()):
                for name, value in {"treeids": at, "nodeids": index, "ids": i, "weights": floats(draw, 1)[0]}.items():
                    leaves[name].append(value)
        else:
            nodes["truenodeids"][row] = grow(at, depth - 1, own)
            nodes["falsenodeids"][row] = grow(at, depth - 1, own)
        return index

    for at in range(draw.integer(1, 5)):
        grow(at, draw.integer(1, 3), [0])
    return {f"nodes_{name}": value for name, value in nodes.items()}, leaves


MODES = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]


def tree_rows(draw, missing):
    """Halves, so that some lie on the thresholds, and, where `missing`, some NaN."""
    x = (rows(draw, [np.float32]) * 2).round() / 2
    return np.where(missing & (draw.random.random(x.shape) < 0.1), np.float32(np.nan), x).astype(draw.one_of([np.float32, np.float32, np.float64]))


def modes(draw, missing):
    """"If a value is missing (NaN), use the 'true' or 'false' branch based on the value in this array", says ONNX of nodes_missing_value_tracks_true:
    onnxruntime takes the true branch of BRANCH_NEQ for NaN, whatever the array says."""
    return (MODES[:-1] if missing else MODES) if draw.chance(0.5) else MODES[:1]


def transform(draw, targets):
    """None for one target, whose onnxruntime leaves out, though post_transform is "the transform to apply to the score"."""
    return draw.one_of(POST[:4]) if targets > 1 else "NONE"


@family("TreeEnsembleRegressor")
def tree_ensemble_regressor(draw, op):
    missing = draw.chance(0.5)
    x, targets = tree_rows(draw, missing), draw.integer(1, 3)
    # Base values are "added to final prediction", says ONNX; onnxruntime does not add that of a target of which no leaf speaks.
    settings = {"base_values": floats(draw, targets)} if draw.chance(0.5) else {}
    post = transform(draw, targets)
    nodes, leaves = trees(draw, x.shape[1], targets, modes(draw, missing), some=not settings and post == "NONE")
    return of_ml(op, [x], draw.one_of([1, 3]), n_targets=targets, aggregate_function=draw.one_of(["SUM", "AVERAGE", "MIN", "MAX"]),
                 post_transform=post, **nodes, **{f"target_{name}": value for name, value in leaves.items()}, **settings)


@family("TreeEnsembleClassifier")
def tree_ensemble_classifier(draw, op):
    """Of two classes onnxruntime gives the labels 0 and 1, whatever classlabels_int64s says."""
    missing = draw.chance(0.5)
    x, classes = tree_rows(draw, missing), draw.integer(3, 4)
    nodes, leaves = trees(draw, x.shape[1], classes, modes(draw, missing))
    named = {key.replace("ints", "int64s"): value for key, value in labels(draw, classes).items()}
    return of_ml(op, [x], draw.one_of([1, 3]), outputs=2, post_transform=draw.one_of(POST[:4]), **nodes,
                 **{f"class_{name}": value for name, value in leaves.items()}, **named)


@family("TreeEnsemble")
def tree_ensemble(draw, op):
    """One tree of depth 2 for each root. 1 is SOFTMAX and 2 LOGISTIC, says ONNX of post_transform; onnxruntime has the two the other way around."""
    missing = draw.chance(0.5)
    x, targets, count = tree_rows(draw, missing), draw.integer(1, 3), draw.integer(1, 3)
    kind = x.dtype
    # Of each tree: the root, then its two children, each with two leaves.
    split = 3 * count
    true, false, leaf = [], [], []
    for i in range(count):
        true += [3 * i + 1, 4 * i, 4 * i + 2]
        false += [3 * i + 2, 4 * i + 1, 4 * i + 3]
        leaf += [0, 1, 1]
    numbers = lambda values: helper.make_tensor("", helper.np_dtype_to_tensor_dtype(kind), [len(values)], np.array(values, kind))
    modes = helper.make_tensor("", 2, [split], np.array([draw.integer(0, 4 if missing else 5) for _ in range(split)], np.uint8))
    return of_ml(op, [x], 5, n_targets=targets, aggregate_function=draw.integer(0, 3),
                 post_transform=3 * (targets > 1 and draw.integer(0, 1)), tree_roots=[3 * i for i in range(count)], nodes_modes=modes, nodes_featureids=[draw.integer(0, x.shape[1] - 1) for _ in range(split)],
                 nodes_splits=numbers([draw.integer(-4, 4) / 2 for _ in range(split)]), nodes_truenodeids=true,
                 nodes_falsenodeids=false, nodes_trueleafs=leaf, nodes_falseleafs=leaf, nodes_missing_value_tracks_true=[draw.integer(0, 1) for _ in range(split)],
                 leaf_targetids=[draw.integer(0, targets - 1) for _ in range(4 * count)], leaf_weights=numbers(floats(draw, 4 * count)))


@family("ZipMap")
def zip_map(draw, op):
    x = rows(draw, [np.float32])
    # Sorted, as onnxruntime gives the keys: ONNX knows no order of them.
    return of_ml(op, [x], **{key.replace("ints", "int64s"): sorted(value) for key, value in labels(draw, x.shape[1]).items()})
