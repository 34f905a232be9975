#!/usr/bin/env python3
"""Trains scikit-learn models, converts them by skl2onnx, and writes cases in the layout of the ONNX backend tests.

usage: generate.py [--filter GLOB] FOLDER

FOLDER/MODEL/MODEL_OPSET_MLOPSET holds model.onnx and two data sets with the same inputs: test_data_set_scikit-learn has the outputs of
scikit-learn, test_data_set_onnxruntime those of onnxruntime, so that the name of the data set says from which peer a result differs.

scikit-learn computes in float64 what the model computes in float32. Where that decides (a feature beside the threshold of a tree, two classes
with nearly the same score), the row is left out: a row whose outputs scikit-learn changes when its features change by MARGIN of themselves, or
whose two best scores are within MARGIN of each other. A model must keep half of its rows. Where the peers differ on what is left, PEERS_DIFFER
says why, and the case has the outputs of onnxruntime alone; any other difference is an error, and so is an entry of PEERS_DIFFER when none of its
models differs.
"""
import argparse
import collections
import dataclasses
import fnmatch
import pathlib
import shutil
import sys
import typing
import warnings
import zlib

import numpy as np
import onnx
import onnxruntime
import skl2onnx
from onnx import numpy_helper
from scipy import sparse
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType
from sklearn import (base, calibration, cluster, compose, cross_decomposition, datasets, decomposition, discriminant_analysis, ensemble,
                     feature_extraction, feature_selection, gaussian_process, impute, linear_model, mixture, multiclass, multioutput, naive_bayes,
                     neighbors, neural_network, pipeline, preprocessing, random_projection, svm, tree)
from sklearn.gaussian_process import kernels

# Of ai.onnx and ai.onnx.ml. skl2onnx writes no later version of ai.onnx.ml.
TARGETS = [(9, 1), (11, 1), (13, 2), (15, 3), (18, 3), (22, 3)]
MARGIN = 1e-5
RELATIVE, ABSOLUTE = 1e-3, 1e-5
ROWS = 40


# Data.


@dataclasses.dataclass
class Data:
    """What to train on, and rows to predict: an array, or a dictionary of columns."""

    x: typing.Any
    y: typing.Any
    test: typing.Any


def shuffled(load, rows=400, dtype=np.float32, scaled=False, y=lambda y, names: y, x=lambda x: x):
    bunch = load()
    order = np.random.default_rng(1).permutation(len(bunch.data))
    values = x(bunch.data)
    if scaled:
        values = preprocessing.StandardScaler().fit_transform(values)
    values = values.astype(dtype)[order]
    targets = y(bunch.target, getattr(bunch, "target_names", None))[order]
    return Data(values[ROWS : ROWS + rows], targets[ROWS : ROWS + rows], values[:ROWS])


TEXTS = ["The cat sat on the mat, and the dog looked at it.", "Stocks fell sharply on Monday as oil prices rose",
         "A recipe for bread: flour, water, salt & yeast", "dogs and cats are the most common pets",
         "The central bank raised its interest rate again", "Bake the bread for forty minutes at 220 degrees",
         "My neighbour's dog barks at every cat", "Investors sold bonds and bought gold", "Add salt to the water before the pasta",
         "the kitten slept", "Markets, markets, markets: prices of oil and gold", "A pinch of salt; a cup of flour",
         "Do cats chase dogs or do dogs chase cats?", "Bank shares lost 3.5 % after the report", "Stir the sauce, then add yeast to warm water",
         "Puppies and kittens play", "Interest on bonds is paid every six months", "Knead the dough until it is smooth and elastic",
         "an old dog learns no new tricks", "Oil exporters met to fix the prices", "flour flour flour", "", "cat", "unknown words only here"]


def texts():
    values = np.array(TEXTS)
    return Data(values[:18], np.arange(18) % 3, values)


def table():
    """Columns of several types: the measurements of iris, some of them as words."""
    bunch = datasets.load_iris()
    order = np.random.default_rng(2).permutation(len(bunch.data))
    x = bunch.data[order].astype(np.float32)
    columns = {"length": x[:, :1], "width": x[:, 1:2], "petal": np.array(["short", "middle", "long"])[np.digitize(x[:, 2], [2, 5])][:, None],
               "code": np.digitize(x[:, 3], [0.5, 1, 1.5, 2]).astype(np.int64)[:, None]}
    rows = lambda a, b: {name: column[a:b] for name, column in columns.items()}
    return Data(rows(ROWS, None), bunch.target[order][ROWS:], rows(0, ROWS))


def words():
    """Rows of words, some of which the training set does not have."""
    random = np.random.default_rng(3)
    x = np.array([["red", "green", "blue"][i] for i in random.integers(0, 3, 120)] + ["sand"] * 3)
    z = np.array([["S", "M", "L", "XL"][i] for i in random.integers(0, 4, 123)])
    both = np.stack([x, z], axis=1)
    return Data(both[:80], random.integers(0, 2, 80), np.concatenate([both[80:110], both[120:]]))


def holes(data):
    random = np.random.default_rng(4)
    punch = lambda x: np.where(random.random(x.shape) < 0.1, np.float32(np.nan), x)
    return Data(punch(data.x), data.y, punch(data.test))


def as_names(y, names):
    return names[y]


IRIS = shuffled(datasets.load_iris)
IRIS_NAMES = shuffled(datasets.load_iris, y=as_names)
IRIS_INTEGERS = shuffled(datasets.load_iris, x=lambda x: np.round(x * 10), dtype=np.int64)
IRIS_DOUBLE = shuffled(datasets.load_iris, dtype=np.float64)
WINE = shuffled(datasets.load_wine)
WINE_SCALED = shuffled(datasets.load_wine, scaled=True)
WINE_NAMES = shuffled(datasets.load_wine, scaled=True, y=as_names)
CANCER = shuffled(datasets.load_breast_cancer)
CANCER_NAMES = shuffled(datasets.load_breast_cancer, y=as_names)
CANCER_SCALED = shuffled(datasets.load_breast_cancer, scaled=True)
DIGITS = shuffled(datasets.load_digits)
DIABETES = shuffled(datasets.load_diabetes)
DIABETES_DOUBLE = shuffled(datasets.load_diabetes, dtype=np.float64)
DIABETES_POSITIVE = shuffled(datasets.load_diabetes, y=lambda y, names: y / 100)
DIABETES_SEVERAL = shuffled(datasets.load_diabetes, y=lambda y, names: np.stack([y, 3 - y / 7], axis=1))
DIGITS_SEVERAL = shuffled(datasets.load_digits, y=lambda y, names: np.stack([y % 2, (y > 4).astype(np.int64)], axis=1))
DIGITS_MANY = shuffled(datasets.load_digits, y=lambda y, names: np.stack([y % 2, (y > 4).astype(np.int64), (y == 3).astype(np.int64)], axis=1))
IRIS_HOLES, WINE_HOLES = holes(IRIS), holes(WINE)
TABLE, WORDS, WORDS_OF_TEXTS = table(), words(), texts()


# Models.


@dataclasses.dataclass
class Case:
    name: str
    data: Data
    model: typing.Any
    outputs: list  # how scikit-learn makes each output: names of methods or functions of (model, x)
    options: dict  # of skl2onnx


CASES = {}


def of_several(model, x):
    """Probabilities for several targets: (rows, targets, classes)."""
    return np.stack(model.predict_proba(x), axis=1)


def add(name, data, model, *outputs, **options):
    if not outputs:
        if base.is_classifier(model):
            outputs = ["predict", "predict_proba"] if hasattr(model, "predict_proba") else ["predict", "decision_function"]
        else:
            outputs = ["predict"] if hasattr(model, "predict") else ["transform"]
    if base.is_classifier(model) and not isinstance(model, svm.LinearSVC) and "zipmap" not in options:
        options["zipmap"] = False
    if options.get("zipmap") is None:
        options.pop("zipmap", None)
    assert name not in CASES, name
    CASES[name] = Case(name, data, model, list(outputs), options)


def add_each(prefix, model, **sets):
    for name, data in sets.items():
        add(f"{prefix}_{name}", data, base.clone(model))


# Trees.

SMALL = {"max_depth": 4, "random_state": 1}
FOREST = {"n_estimators": 8, "max_depth": 5, "random_state": 1}
CLASSES = {"iris": IRIS, "names": IRIS_NAMES, "two": CANCER, "digits": DIGITS}

add_each("tree", tree.DecisionTreeClassifier(**SMALL), **CLASSES)
add_each("extra_tree", tree.ExtraTreeClassifier(**SMALL), **CLASSES)
add_each("forest", ensemble.RandomForestClassifier(**FOREST), **CLASSES)
add_each("extra_trees", ensemble.ExtraTreesClassifier(**FOREST), **CLASSES)
add_each("gradient_boosting", ensemble.GradientBoostingClassifier(n_estimators=6, random_state=1), **CLASSES)
add_each("hist_gradient_boosting", ensemble.HistGradientBoostingClassifier(max_iter=6, random_state=1), **CLASSES, holes=WINE_HOLES)
add("gradient_boosting_exponential", CANCER, ensemble.GradientBoostingClassifier(n_estimators=6, loss="exponential", random_state=1))
add_each("ada_boost", ensemble.AdaBoostClassifier(n_estimators=6, random_state=1), iris=IRIS, two=CANCER)
add("tree_deep", DIGITS, tree.DecisionTreeClassifier(random_state=1))
add("tree_several", DIGITS_SEVERAL, tree.DecisionTreeClassifier(**SMALL), "predict", of_several)
# Not of a classifier, for which skl2onnx gives the number of a leaf once for each class: ONNX adds them up, onnxruntime takes the first.
add("tree_leaves", DIABETES, tree.DecisionTreeRegressor(**SMALL), "predict", "apply", decision_leaf=True)
add("forest_doubles", IRIS_DOUBLE, ensemble.RandomForestClassifier(**FOREST))
add("forest_integers", IRIS_INTEGERS, ensemble.RandomForestClassifier(**FOREST))
REGRESSION = {"diabetes": DIABETES, "several": DIABETES_SEVERAL}
add_each("tree_regressor", tree.DecisionTreeRegressor(**SMALL), **REGRESSION)
add_each("extra_tree_regressor", tree.ExtraTreeRegressor(**SMALL), **REGRESSION)
add_each("forest_regressor", ensemble.RandomForestRegressor(**FOREST), **REGRESSION)
add_each("extra_trees_regressor", ensemble.ExtraTreesRegressor(**FOREST), **REGRESSION)
add_each("gradient_boosting_regressor", ensemble.GradientBoostingRegressor(n_estimators=8, random_state=1), diabetes=DIABETES)
add_each("gradient_boosting_regressor_huber", ensemble.GradientBoostingRegressor(n_estimators=8, loss="huber", random_state=1), diabetes=DIABETES)
add_each("hist_gradient_boosting_regressor", ensemble.HistGradientBoostingRegressor(max_iter=8, random_state=1), diabetes=DIABETES)
add_each("hist_gradient_boosting_regressor_poisson", ensemble.HistGradientBoostingRegressor(max_iter=8, loss="poisson"), positive=DIABETES_POSITIVE)
add_each("ada_boost_regressor", ensemble.AdaBoostRegressor(n_estimators=6, random_state=1), diabetes=DIABETES)
for where, data in {"iris": IRIS, "cancer": CANCER}.items():
    add(f"isolation_forest_{where}", data, ensemble.IsolationForest(n_estimators=10, random_state=1), "predict", "decision_function")
    add(f"isolation_forest_samples_{where}", data, ensemble.IsolationForest(n_estimators=10, max_samples=30, random_state=1), "predict",
        "decision_function", "score_samples", score_samples=True)

# Support vectors.


def first_class_first(model, x):
    """Of two classes, ONNX's SVMClassifier gives the score of the pair, which is the first class's, and then its opposite."""
    score = model.decision_function(x)
    return np.stack([score, -score], axis=1)


for kernel in ("linear", "rbf", "poly", "sigmoid"):
    for where, data in {"iris": IRIS, "two": CANCER_SCALED, "names": IRIS_NAMES}.items():
        scores = first_class_first if where == "two" else "decision_function"
        add(f"svc_{kernel}_{where}", data, svm.SVC(kernel=kernel, coef0=0.5), "predict", scores)
        add(f"svc_{kernel}_{where}_probability", data, svm.SVC(kernel=kernel, coef0=0.5, probability=True, random_state=1))
    add(f"svc_{kernel}_ovo", WINE_SCALED, svm.SVC(kernel=kernel, decision_function_shape="ovo"))
    add(f"nu_svc_{kernel}", WINE_SCALED, svm.NuSVC(kernel=kernel, nu=0.3))
    add(f"nu_svc_{kernel}_probability", WINE_SCALED, svm.NuSVC(kernel=kernel, nu=0.3, probability=True, random_state=1))
    add(f"svr_{kernel}", DIABETES, svm.SVR(kernel=kernel, C=20))
    add(f"nu_svr_{kernel}", DIABETES, svm.NuSVR(kernel=kernel, C=20))
    add(f"one_class_{kernel}", IRIS, svm.OneClassSVM(kernel=kernel, nu=0.2), "predict", "decision_function")
add("svc_gamma", DIGITS, svm.SVC(gamma=0.001))
add("svc_doubles", IRIS_DOUBLE, svm.SVC())
add_each("linear_svc", svm.LinearSVC(), iris=IRIS, two=CANCER_SCALED, names=IRIS_NAMES)
add("linear_svr", DIABETES, svm.LinearSVR(C=10))

# Linear models.

add_each("logistic", linear_model.LogisticRegression(max_iter=500), iris=IRIS, names=IRIS_NAMES, two=CANCER_SCALED, digits=DIGITS)
add_each("logistic_no_intercept", linear_model.LogisticRegression(fit_intercept=False, max_iter=500), two=CANCER_SCALED)
add("logistic_cv", WINE_SCALED, linear_model.LogisticRegressionCV(Cs=3, cv=3, use_legacy_attributes=False, l1_ratios=(0,), scoring="accuracy"))
add("logistic_scores", IRIS, linear_model.LogisticRegression(max_iter=500), "predict", "decision_function", raw_scores=True)
add("logistic_scores_two", CANCER_SCALED, linear_model.LogisticRegression(max_iter=500), "predict", "decision_function", raw_scores=True)
add("logistic_integers", IRIS_INTEGERS, linear_model.LogisticRegression(max_iter=500))
add("logistic_doubles", IRIS_DOUBLE, linear_model.LogisticRegression(max_iter=500))
add_each("ridge_classifier", linear_model.RidgeClassifier(), iris=IRIS, two=CANCER_SCALED, names=IRIS_NAMES)
add_each("perceptron", linear_model.Perceptron(), iris=IRIS, two=CANCER_SCALED)
for loss in ("hinge", "log_loss", "modified_huber"):
    add_each(f"sgd_{loss}", linear_model.SGDClassifier(loss=loss, random_state=1), wine=WINE_SCALED, two=CANCER_SCALED)
for name, model in {
        "linear": linear_model.LinearRegression(), "ridge": linear_model.Ridge(), "ridge_cv": linear_model.RidgeCV(),
        "lasso": linear_model.Lasso(alpha=0.01),
        "lasso_cv": linear_model.LassoCV(cv=3), "lasso_lars": linear_model.LassoLars(alpha=0.01), "lars": linear_model.Lars(n_nonzero_coefs=5),
        "elastic_net": linear_model.ElasticNet(alpha=0.01), "sgd": linear_model.SGDRegressor(random_state=1),
        "huber": linear_model.HuberRegressor(max_iter=1000), "omp": linear_model.OrthogonalMatchingPursuit(),
        "theil_sen": linear_model.TheilSenRegressor(random_state=1),
        "ransac": linear_model.RANSACRegressor(random_state=1), "quantile": linear_model.QuantileRegressor(alpha=0),
        "tweedie": linear_model.TweedieRegressor(power=1.5),
        "poisson": linear_model.PoissonRegressor(), "gamma": linear_model.GammaRegressor()}.items():
    add(f"{name}_regression", DIABETES, model)
    add(f"{name}_regression_doubles", DIABETES_DOUBLE, base.clone(model))
add("linear_regression_several", DIABETES_SEVERAL, linear_model.LinearRegression())
add("multi_task_lasso", DIABETES_SEVERAL, linear_model.MultiTaskLasso(alpha=0.01))
for name, model in {"bayesian_ridge": linear_model.BayesianRidge(), "ard": linear_model.ARDRegression()}.items():
    add(f"{name}_regression", DIABETES, model)


def deviation(model, x):
    return model.predict(x, return_std=True)[1]


add("bayesian_ridge_deviation", DIABETES_DOUBLE, linear_model.BayesianRidge(), "predict", deviation, return_std=True)

# Neighbours, naive Bayes, networks, discriminants, mixtures, processes.

for weights in ("uniform", "distance"):
    for metric in ("euclidean", "manhattan"):
        add(f"knn_{weights}_{metric}", IRIS, neighbors.KNeighborsClassifier(n_neighbors=5, weights=weights, metric=metric))
        add(f"knn_regressor_{weights}_{metric}", DIABETES, neighbors.KNeighborsRegressor(n_neighbors=4, weights=weights, metric=metric))
add("knn_names", IRIS_NAMES, neighbors.KNeighborsClassifier(n_neighbors=3))
add("knn_minkowski", WINE_SCALED, neighbors.KNeighborsClassifier(n_neighbors=3, p=3))
add("neighbourhood_components", WINE_SCALED, neighbors.NeighborhoodComponentsAnalysis(n_components=3, random_state=1))
add("local_outlier_factor", IRIS, neighbors.LocalOutlierFactor(novelty=True, n_neighbors=7), "predict", "decision_function")
add("nearest_centroid_distances", WINE_SCALED, cluster.KMeans(3, n_init=1, random_state=1), "predict", "transform")
add_each("gaussian_nb", naive_bayes.GaussianNB(), iris=IRIS, names=IRIS_NAMES, two=CANCER_SCALED)
for name, model in {"multinomial_nb": naive_bayes.MultinomialNB(), "bernoulli_nb": naive_bayes.BernoulliNB(binarize=5.5),
                    "complement_nb": naive_bayes.ComplementNB()}.items():
    add_each(name, model, digits=DIGITS, names=IRIS_NAMES)
add("categorical_nb", IRIS_INTEGERS, naive_bayes.CategoricalNB(min_categories=90))
for activation in ("relu", "tanh", "logistic", "identity"):
    add_each(f"mlp_{activation}", neural_network.MLPClassifier((7,), activation=activation, max_iter=40, random_state=1), iris=IRIS,
             two=CANCER_SCALED)
    add(f"mlp_regressor_{activation}", DIABETES,
        neural_network.MLPRegressor(hidden_layer_sizes=(7, 5), activation=activation, max_iter=40, random_state=1))
add("mlp_names", IRIS_NAMES, neural_network.MLPClassifier((5,), max_iter=40, random_state=1))
add("mlp_many", DIGITS_MANY, neural_network.MLPClassifier((9,), max_iter=40, random_state=1))
for solver in ("svd", "lsqr", "eigen"):
    add(f"lda_{solver}", WINE_SCALED, discriminant_analysis.LinearDiscriminantAnalysis(solver=solver))
add("lda_two", CANCER_SCALED, discriminant_analysis.LinearDiscriminantAnalysis())
add_each("qda", discriminant_analysis.QuadraticDiscriminantAnalysis(), iris=IRIS, names=IRIS_NAMES)
for covariance in ("full", "tied", "diag", "spherical"):
    add(f"mixture_{covariance}", IRIS, mixture.GaussianMixture(3, covariance_type=covariance, random_state=1), "predict", "predict_proba")
add("mixture_bayesian", IRIS, mixture.BayesianGaussianMixture(n_components=3, random_state=1), "predict", "predict_proba")
for name, kernel in {"rbf": kernels.RBF(), "matern": kernels.Matern(nu=1.5), "quadratic": kernels.RationalQuadratic(),
                     "sine": kernels.ExpSineSquared(), "dot": kernels.DotProduct(),
                     "sum": kernels.ConstantKernel(2) * kernels.RBF() + kernels.WhiteKernel()}.items():
    add(f"process_{name}", DIABETES_DOUBLE, gaussian_process.GaussianProcessRegressor(kernel, alpha=10, optimizer=None, normalize_y=True))
add("process_deviation", DIABETES_DOUBLE, gaussian_process.GaussianProcessRegressor(alpha=10, optimizer=None), "predict", deviation,
    return_std=True)

# Clusters and decompositions.

add("kmeans_digits", DIGITS, cluster.KMeans(6, n_init=1, random_state=1), "predict", "transform")
add("kmeans_mini_batch", IRIS, cluster.MiniBatchKMeans(3, n_init=1, random_state=1), "predict", "transform")
add("pca", IRIS, decomposition.PCA(2))
add("pca_whitened", WINE_SCALED, decomposition.PCA(3, whiten=True))
add("incremental_pca", WINE_SCALED, decomposition.IncrementalPCA(3))
add("kernel_pca", WINE_SCALED, decomposition.KernelPCA(3, kernel="rbf", gamma=0.1))
add("truncated_svd", DIGITS, decomposition.TruncatedSVD(5, random_state=1))
add("gaussian_projection", DIGITS, random_projection.GaussianRandomProjection(6, random_state=1))
add("pls", DIABETES_SEVERAL, cross_decomposition.PLSRegression(2))

# Transformers.

for name, model in {
        "standard": preprocessing.StandardScaler(), "standard_mean": preprocessing.StandardScaler(with_std=False),
        "standard_deviation": preprocessing.StandardScaler(with_mean=False),
        "minmax": preprocessing.MinMaxScaler(), "minmax_clip": preprocessing.MinMaxScaler((-1, 1), clip=True), "maxabs": preprocessing.MaxAbsScaler(),
        "robust": preprocessing.RobustScaler(), "robust_quantiles": preprocessing.RobustScaler(quantile_range=(10, 80), with_centering=False),
        "normalizer_l1": preprocessing.Normalizer("l1"), "normalizer_l2": preprocessing.Normalizer("l2"),
        "normalizer_max": preprocessing.Normalizer("max"),
        "polynomial": preprocessing.PolynomialFeatures(2),
        "interactions": preprocessing.PolynomialFeatures(3, interaction_only=True, include_bias=False),
        "power": preprocessing.PowerTransformer(), "quantile": preprocessing.QuantileTransformer(n_quantiles=20)}.items():
    add(f"scale_{name}", WINE, model)
    if name not in ("normalizer_max", "polynomial", "interactions", "power"):  # which skl2onnx does not write for doubles
        add(f"scale_{name}_doubles", IRIS_DOUBLE, base.clone(model))
add("binarizer", WINE, preprocessing.Binarizer(threshold=2.05))
for encode in ("onehot-dense", "ordinal"):
    for strategy in ("uniform", "kmeans"):
        add(f"kbins_{encode}_{strategy}", WINE, preprocessing.KBinsDiscretizer(4, encode=encode, strategy=strategy))
add("onehot_words", WORDS, preprocessing.OneHotEncoder(handle_unknown="ignore"))
add("onehot_words_dense", WORDS, preprocessing.OneHotEncoder(handle_unknown="ignore", sparse_output=False, drop=None))
add("onehot_integers", IRIS_INTEGERS, preprocessing.OneHotEncoder(handle_unknown="ignore"))
add("onehot_dropped", Data(WORDS.x, WORDS.y, WORDS.test[:30]), preprocessing.OneHotEncoder(drop="first"))
add("ordinal_words", Data(WORDS.x, WORDS.y, WORDS.test[:30]), preprocessing.OrdinalEncoder())
add("ordinal_unknown", WORDS, preprocessing.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1))
add("ordinal_integers", Data(IRIS_INTEGERS.x, None, IRIS_INTEGERS.x[:ROWS]), preprocessing.OrdinalEncoder())
add("target_encoder", WORDS, preprocessing.TargetEncoder(random_state=1))
add("label_encoder", Data(WORDS.x[:, 0], None, WORDS.test[:30, 0]), preprocessing.LabelEncoder())
add("label_binarizer", Data(WORDS.x[:, 0], None, WORDS.test[:30, 0]), preprocessing.LabelBinarizer())
for strategy in ("mean", "median", "most_frequent", "constant"):
    add(f"imputer_{strategy}", IRIS_HOLES, impute.SimpleImputer(strategy=strategy))
add("imputer_words", Data(WORDS.x.astype(object), None, np.where(WORDS.test == "M", "", WORDS.test).astype(object)),
    impute.SimpleImputer(strategy="most_frequent", missing_values=""))
add("imputer_knn", IRIS_HOLES, impute.KNNImputer(n_neighbors=3))
for name, model in {"best": feature_selection.SelectKBest(k=4), "percentile": feature_selection.SelectPercentile(percentile=30),
                    "variance": feature_selection.VarianceThreshold(0.1),
                    "rfe": feature_selection.RFE(linear_model.LogisticRegression(max_iter=500), n_features_to_select=3),
                    "model": feature_selection.SelectFromModel(tree.DecisionTreeClassifier(**SMALL)), "fwe": feature_selection.SelectFwe()}.items():
    add(f"select_{name}", WINE_SCALED, model, "transform", zipmap=None)

# Texts.

for name, settings in {"words": {}, "pairs": {"ngram_range": (1, 2)}, "pairs_only": {"ngram_range": (2, 2), "binary": True},
                       "stop": {"stop_words": ["the", "and", "of"], "lowercase": False},
                       "short": {"token_pattern": r"[a-zA-Z]+"}, "characters": {"analyzer": "char", "ngram_range": (1, 3)},
                       "vocabulary": {"vocabulary": ["cat", "dog", "salt", "gold"]}}.items():
    add(f"count_{name}", WORDS_OF_TEXTS, feature_extraction.text.CountVectorizer(**settings))
    add(f"tfidf_{name}", WORDS_OF_TEXTS, feature_extraction.text.TfidfVectorizer(**settings))
add("tfidf_sublinear", WORDS_OF_TEXTS, feature_extraction.text.TfidfVectorizer(sublinear_tf=True, norm="l1"))
add("tfidf_plain", WORDS_OF_TEXTS, feature_extraction.text.TfidfVectorizer(use_idf=False, norm=None))
add("tfidf_transformer", DIGITS, feature_extraction.text.TfidfTransformer())
add("text_pipeline", WORDS_OF_TEXTS, pipeline.make_pipeline(feature_extraction.text.TfidfVectorizer(), linear_model.LogisticRegression()))
add("text_pipeline_bayes", WORDS_OF_TEXTS,
    pipeline.make_pipeline(feature_extraction.text.CountVectorizer(ngram_range=(1, 2)), naive_bayes.MultinomialNB()))

# Compositions.

add("pipeline", WINE, pipeline.make_pipeline(preprocessing.StandardScaler(), decomposition.PCA(4), linear_model.LogisticRegression()))
add("pipeline_regressor", DIABETES, pipeline.make_pipeline(preprocessing.PolynomialFeatures(2), linear_model.Ridge()))
add("pipeline_union", WINE, pipeline.make_pipeline(pipeline.make_union(preprocessing.StandardScaler(), preprocessing.MinMaxScaler()), svm.SVC()))
add("union", IRIS, pipeline.make_union(preprocessing.StandardScaler(), decomposition.PCA(2), preprocessing.PolynomialFeatures(2)))


def columns(**settings):
    return compose.ColumnTransformer([("numbers", preprocessing.StandardScaler(), [0, 1]), ("words", preprocessing.OneHotEncoder(), [2]),
                                      ("codes", preprocessing.OrdinalEncoder(), [3])], **settings)


add("columns", TABLE, columns())
add("columns_pipeline", TABLE, pipeline.make_pipeline(columns(), linear_model.LogisticRegression(max_iter=500)))
add("columns_forest", TABLE, pipeline.make_pipeline(columns(), ensemble.RandomForestClassifier(**FOREST)))
add("columns_remainder", WINE, compose.ColumnTransformer([("scale", preprocessing.MinMaxScaler(), [1, 5])], remainder="passthrough"))
LOGISTIC, TREE = linear_model.LogisticRegression(max_iter=500), tree.DecisionTreeClassifier(**SMALL)
LINEAR, REGRESSION_TREE = linear_model.LinearRegression(), tree.DecisionTreeRegressor(**SMALL)


def votes(model, x):
    """For each class, the part of the models that choose it."""
    return np.stack([(model.transform(x) == i).mean(axis=1) for i in range(len(model.classes_))], axis=1)


for voting in ("soft", "hard"):
    add(f"voting_{voting}", IRIS,
        ensemble.VotingClassifier([("a", LOGISTIC), ("b", TREE), ("c", naive_bayes.GaussianNB())], voting=voting, flatten_transform=False),
        "predict", votes if voting == "hard" else "predict_proba")
add("voting_regressor", DIABETES, ensemble.VotingRegressor([("a", LINEAR), ("b", REGRESSION_TREE)]))
add("stacking", WINE_SCALED, ensemble.StackingClassifier([("a", LOGISTIC), ("b", TREE)]), "predict", "predict_proba")
add("stacking_regressor", DIABETES, ensemble.StackingRegressor([("a", LINEAR), ("b", REGRESSION_TREE)]), "predict")
add("bagging", IRIS, ensemble.BaggingClassifier(TREE, n_estimators=4, random_state=1))
add("bagging_features", WINE_SCALED, ensemble.BaggingClassifier(LOGISTIC, n_estimators=4, max_features=0.5, random_state=1))
add("bagging_regressor", DIABETES, ensemble.BaggingRegressor(REGRESSION_TREE, n_estimators=4, random_state=1))
add("one_vs_rest", IRIS, multiclass.OneVsRestClassifier(LOGISTIC))
add("one_vs_rest_trees", IRIS, multiclass.OneVsRestClassifier(TREE))
add("one_vs_one", IRIS, multiclass.OneVsOneClassifier(LOGISTIC), "predict", "decision_function")
for method in ("sigmoid", "isotonic"):
    add(f"calibrated_{method}", IRIS, calibration.CalibratedClassifierCV(naive_bayes.GaussianNB(), method=method, cv=2))
    add(f"calibrated_{method}_two", CANCER_SCALED, calibration.CalibratedClassifierCV(LOGISTIC, method=method, cv=2))
add("multi_output", DIGITS_SEVERAL, multioutput.MultiOutputClassifier(TREE), "predict", "predict_proba")
add("multi_output_regressor", DIABETES_SEVERAL, multioutput.MultiOutputRegressor(REGRESSION_TREE))

# Probabilities as maps, and as one output for each class.


def as_maps(model, x):
    return [dict(zip(model.classes_, row)) for row in model.predict_proba(x)]


def as_columns(model, x):
    return tuple(model.predict_proba(x).T)


for name, data, model in [("logistic", IRIS, LOGISTIC), ("logistic_names", IRIS_NAMES, LOGISTIC), ("logistic_two", CANCER_SCALED, LOGISTIC),
                          ("forest", DIGITS, ensemble.RandomForestClassifier(**FOREST)),
                          ("forest_names", CANCER_NAMES, ensemble.RandomForestClassifier(**FOREST)),
                          ("svc", WINE_SCALED, svm.SVC(probability=True, random_state=1)), ("knn", WINE_NAMES, neighbors.KNeighborsClassifier(3)),
                          ("pipeline", IRIS_NAMES, pipeline.make_pipeline(preprocessing.StandardScaler(), LOGISTIC))]:
    add(f"maps_{name}", data, base.clone(model), "predict", as_maps, zipmap=True)
    add(f"column_outputs_{name}", data, base.clone(model), "predict", as_columns, zipmap="columns")

# Here the model that skl2onnx writes does not say what scikit-learn computes: the case has the outputs of onnxruntime alone.
PEERS_DIFFER = {
    "bayesian_ridge_deviation": "skl2onnx does not subtract the means of the features for the deviation",
    "calibrated_isotonic*": "skl2onnx takes the nearest point of the isotonic regression, scikit-learn the line between two",
    "hist_gradient_boosting_regressor_poisson_positive": "skl2onnx leaves out the exponential of the sum of the leaves",
    "imputer_knn": "of neighbours that are equally far, each takes others",
    "knn_*distance_*": "skl2onnx takes distances below 1 for 1 before it divides by them",
    "lda_two": "skl2onnx gives the sigmoid of twice the score",
    "*_pairs*": "the pattern that skl2onnx writes keeps words of one character, which part the pairs",
    "text_pipeline_bayes": "as above",
    "tfidf_sublinear": "skl2onnx takes log(1 + count) for 1 + log(count)",
    "tree_several": "skl2onnx does not divide by the samples of a leaf",
}


# Writing.


def rows_of(x, rows):
    return {name: column[rows] for name, column in x.items()} if isinstance(x, dict) else x[rows]


def count(x):
    return len(next(iter(x.values())) if isinstance(x, dict) else x)


def for_training(x):
    """Columns of several types side by side, as scikit-learn takes them."""
    return np.concatenate([column.astype(object) for column in x.values()], axis=1) if isinstance(x, dict) else x


def tensor_type(column):
    kinds = {"U": StringTensorType, "O": StringTensorType, "i": Int64TensorType}
    kind = kinds.get(column.dtype.kind) or (DoubleTensorType if column.dtype == np.float64 else FloatTensorType)
    return kind([None, 1 if column.ndim == 1 else column.shape[1]])


def feeds_of(x):
    columns = x if isinstance(x, dict) else {"x": x}
    return {name: column.astype(object) if column.dtype.kind == "U" else column for name,
            column in ((n, c.reshape(len(c), -1)) for n, c in columns.items())}


def expected(case, x):
    """The outputs of scikit-learn: arrays, or lists of maps."""
    x = for_training(x)
    made = [make(case.model, x) if callable(make) else getattr(case.model, make)(x) for make in case.outputs]
    flat = [value for output in made for value in (output if isinstance(output, tuple) else [output])]
    return [value.toarray() if sparse.issparse(value) else value if isinstance(value, list) else np.asarray(value) for value in flat]


def is_maps(value):
    return isinstance(value, list) and isinstance(value[0], dict)


def numbers(value):
    """One line per row, of maps and of sequences of matrices too."""
    if is_maps(value):
        return np.array([list(row.values()) for row in value])
    return np.concatenate(value, axis=1) if isinstance(value, list) else value.reshape(len(value), -1)


def different(a, b):
    """For each row, whether the outputs differ."""
    a, b = numbers(a), numbers(b)
    if a.dtype.kind != "f":
        return (a != b).any(axis=1)
    return ~np.isclose(a.astype(np.float64), b, RELATIVE, ABSOLUTE, equal_nan=True).all(axis=1)


def firm_rows(case):
    """The rows whose outputs do not hang on the last digits of float32."""
    outputs = expected(case, case.data.test)
    keep = np.ones(count(case.data.test), np.bool_)
    random = np.random.default_rng(zlib.crc32(case.name.encode()))
    for _ in range(4):
        shake = lambda x: x * (1 + MARGIN * random.choice([-1, 1], x.shape)).astype(x.dtype) if x.dtype.kind == "f" else x
        x = case.data.test
        shaken = expected(case, {name: shake(column) for name, column in x.items()} if isinstance(x, dict) else shake(x))
        for a, b in zip(outputs, shaken):
            keep &= ~different(a, b)
    if len(outputs) > 1 and outputs[0].ndim == 1:
        scores = numbers(outputs[1]) if len(outputs) == 2 else np.stack(outputs[1:], axis=1)
        best = np.sort(scores, axis=1)[:, -2:] if scores.shape[1] > 1 else np.concatenate([scores, -scores], axis=1)
        if scores.dtype.kind == "f":
            keep &= np.abs(best[:, 0] - best[:, 1]) > MARGIN
    return np.flatnonzero(keep)


def in_form(value, like):
    """What scikit-learn gives, in the type and form of the output of the model."""
    if type(value) is not type(like) or is_maps(value) != is_maps(like):
        raise ValueError(f"scikit-learn gives {type(value)}, onnxruntime {type(like)}")
    if is_maps(like):
        key, number = (type(item) for item in next(iter(like[0].items())))
        return [{key(k): np.float32(v) for k, v in row.items()} for row in value]
    if isinstance(like, list):
        return [in_form(a, b) for a, b in zip(value, like, strict=True)]
    if value.size * 2 == like.size:
        value = np.stack([-value, value], axis=1)  # the score of one of two classes
    if value.size != like.size:
        raise ValueError(f"scikit-learn gives {value.shape}, onnxruntime {like.shape}")
    value = value.swapaxes(0, 1) if value.ndim == 3 and value.shape != like.shape else value.reshape(like.shape)
    return value.astype(str).astype(object) if like.dtype == object else value.astype(like.dtype)


def serialized(value, name):
    if is_maps(value):
        proto = onnx.SequenceProto(name=name, elem_type=onnx.SequenceProto.MAP)
        for row in value:
            keys = list(row)
            values = numpy_helper.from_list([np.asarray(number, np.float32) for number in row.values()])
            if isinstance(keys[0], str):
                proto.map_values.add(key_type=onnx.TensorProto.STRING, string_keys=[key.encode() for key in keys], values=values)
            else:
                proto.map_values.add(key_type=onnx.TensorProto.INT64, keys=keys, values=values)
        return proto.SerializeToString()
    if isinstance(value, list):
        return numpy_helper.from_list(value, name).SerializeToString()
    return numpy_helper.from_array(np.asarray(value), name).SerializeToString()


def converted(case, target):
    types = [(name, tensor_type(column)) for name, column in (case.data.test if isinstance(case.data.test, dict) else {"x": case.data.test}).items()]
    # Lower case as in every locale: onnxruntime wants en_US, which not every machine has.
    vectorizers = {vectorizer: {"locale": "C"} for vectorizer in (feature_extraction.text.CountVectorizer, feature_extraction.text.TfidfVectorizer)}
    options = {**vectorizers, **({id(case.model): case.options} if case.options else {})}
    with np.errstate(all="ignore"):
        return skl2onnx.convert_sklearn(case.model, case.name, types, target_opset={"": target[0], "ai.onnx.ml": target[1]}, options=options)


def take_numbers_of_numpy():
    """Lets skl2onnx write lists of booleans and of NumPy's integers as attributes, which onnx refuses: the nodes of histogram gradient boosting."""
    container = skl2onnx.common._container.ModelComponentContainer
    add_node = container.add_node
    plain = lambda value: [int(item) if isinstance(item, (np.integer, np.bool_, bool)) else item for item in value] if isinstance(value,
                           list) else value
    container.add_node = lambda *arguments, **attributes: add_node(*arguments, **{name: plain(value) for name, value in attributes.items()})


def reference(model, feeds):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, feeds)


def write(folder, model, feeds, outputs):
    """`outputs` are lists of values by the name of who made them."""
    for peer, values in outputs.items():
        data = folder / f"test_data_set_{peer}"
        data.mkdir(parents=True)
        for i, info in enumerate(model.graph.input):
            (data / f"input_{i}.pb").write_bytes(serialized(feeds[info.name], info.name))
        for i, (value, info) in enumerate(zip(values, model.graph.output)):
            (data / f"output_{i}.pb").write_bytes(serialized(value, info.name))
    onnx.save(model, folder / "model.onnx")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--filter", default="*", help="models whose name fits this shell pattern")
    parser.add_argument("folder", type=pathlib.Path)
    arguments = parser.parse_args()
    take_numbers_of_numpy()
    warnings.simplefilter("ignore")  # of training that stops early, which is no matter here
    onnxruntime.set_default_logger_severity(4)
    shutil.rmtree(arguments.folder, ignore_errors=True)
    written, of_one_peer, dropped, errors = 0, 0, 0, []
    refusals = collections.Counter()
    operators = set()
    compared, unlike_models = set(), set()
    chosen = [case for name, case in CASES.items() if fnmatch.fnmatch(name, arguments.filter)]
    for case in chosen:
        try:
            case.model.fit(*(part for part in (for_training(case.data.x), case.data.y) if part is not None))
            rows = firm_rows(case)
        except Exception as error:
            errors.append(f"{case.name}: scikit-learn: {error}")
            continue
        dropped += count(case.data.test) - len(rows)
        if 2 * len(rows) < count(case.data.test):
            errors.append(f"{case.name}: {len(rows)} of {count(case.data.test)} rows are left")
            continue
        x = rows_of(case.data.test, rows)
        feeds, outputs = feeds_of(x), expected(case, x)
        done, reasons = 0, []
        for target in TARGETS:
            try:
                model = converted(case, target)
                theirs = reference(model, feeds)
            except Exception as error:  # what cannot be converted or run has many names
                reasons.append(f"{target}: {type(error).__name__} {error}")
                refusals[type(error).__name__] += 1
                continue
            name = f"{case.name}_{target[0]}_{target[1]}"
            try:
                ours = [in_form(value, like) for value, like in zip(outputs, theirs, strict=True)]
            except ValueError as error:
                errors.append(f"{name}: {error}")
                continue
            unlike = [f"{info.name} in {int(rows.sum())} of {len(rows)} rows" for info, a, b in zip(model.graph.output, ours, theirs)
                      if (rows := different(a, b)).any()]
            compared.add(case.name)
            if unlike:
                unlike_models.add(case.name)
            known = any(fnmatch.fnmatch(case.name, pattern) for pattern in PEERS_DIFFER)
            if unlike and not known:
                errors.append(f"{name}: the peers differ: {', '.join(unlike)}")
            write(arguments.folder / case.name / name, model, feeds,
                  {"onnxruntime": theirs} if unlike else {"scikit-learn": ours, "onnxruntime": theirs})
            done += 1
            of_one_peer += bool(unlike)
            operators |= {node.op_type for node in model.graph.node if node.domain == "ai.onnx.ml"}
        written += done
        if reasons and not done:
            errors.append(f"{case.name}: no opset works: {reasons[-1][:300]}")
    for pattern in PEERS_DIFFER:
        if fnmatch.filter(compared, pattern) and not fnmatch.filter(unlike_models, pattern):
            errors.append(f"PEERS_DIFFER['{pattern}']: the peers agree")
    print(f"{written} cases of {len(chosen)} models, {of_one_peer} of them with the outputs of onnxruntime alone; "
          f"{dropped} rows near a tie are left out; {sum(refusals.values())} conversions are refused")
    print("operators of ai.onnx.ml:", ", ".join(sorted(operators)))
    for error in errors:
        print(error)
    sys.exit(bool(errors))


if __name__ == "__main__":
    main()
