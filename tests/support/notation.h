/* Models in a few lines of text, for tables of cases.
 *
 *     opset 13                              default 13; `ir N` likewise, default 8; `opset ai.x 2` another domain
 *     in x float 2,3,5,5                    graph input; extents may be names; `?` is an input without shape
 *     out y                                 graph output
 *     init W float 4,3,3,3 rand             initializer: rand, pos (positive), ones, zeros, or numbers separated by blanks
 *     input W                               lists an initializer among the graph inputs (IR 3 and 4 habits)
 *     info c float 2,4,5,5                  value_info
 *     y = Conv(x, W, B) pads=[1,1,1,1] auto_pad='VALID' group=1 alpha=0.5
 *     y, m, v = BatchNormalization(c, s, b, mean, var)     node name: first output unless `name='…'`; '' has no name
 *     y = com.acme.Conv(x)                  another domain
 *     y = If(c) then_branch={ … } else_branch={ … }        bodies on lines of their own
 *     k = Constant() value=float[2]{1 2}
 *     function com.acme.Block(X, s) @eps { opset 14 … out R … }     a model-local function that takes attribute eps
 *                                           (`@eps=0.5`: with a default);
 *                                           `init` in it is a Constant node, `domain.Name:overload` has an overload
 *     y = Op(x) epsilon=@eps pads=@p:ints   attributes that the function's caller gives (:int, :ints; else a float)
 *
 * `rand` fills with numbers that depend on the initializer's name only, in about ±1, or over most of a small integer
 * type's range. An empty input is `_`. Mistakes end
 * the program. */
#ifndef BNF_TESTS_NOTATION_H
#define BNF_TESTS_NOTATION_H

#include "onnx/model.h"

/* The model that the text describes, on its own arena, without a file; close it with bnf_model_close. */
void notation_read(struct bnf_model *model, const char *text);

#endif
