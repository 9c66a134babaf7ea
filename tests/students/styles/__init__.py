"""The styles: one module each, a template and what can go wrong in it."""

from . import (
    bias_trick,
    caches,
    chinese,
    closures,
    columns,
    layer_class,
    lists,
    nielsen,
    recursive,
    samples,
    scores,
    sums,
    units,
    unrolled,
)

STYLES = (
    lists.STYLE,
    caches.STYLE,
    layer_class.STYLE,
    samples.STYLE,
    columns.STYLE,
    recursive.STYLE,
    closures.STYLE,
    sums.STYLE,
    unrolled.STYLE,
    nielsen.STYLE,
    scores.STYLE,
    units.STYLE,
    chinese.STYLE,
    bias_trick.STYLE,
)
BY_NAME = {style.name: style for style in STYLES}
