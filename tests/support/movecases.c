/* Expected elements of resizing, and of regions cut out and put together. */
#include "support/movecases.h"

const struct move_case movecases_resizes[] = {
    {"nearest", "opset 11; " I "init r float 0 zeros; init s float 4 1 1 2 1; y = Resize(x, r, s)",
        "float 1x1x4x2: 1 2 1 2 3 4 3 4"},
    {"nearest of integers", "init x int64 1,2 1 2; init s float 2 1 2; y = Resize(x, _, s)",
        "int64 1x4: 1 1 2 2"},
    {"before operator set 11", "opset 10; init x float 1,4 1 2 3 4; init s float 2 1 0.6; y = Resize(x, s)",
        "float 1x2: 1 3"},
    {"ties to the left", "init x float 1,2 1 2; init z int64 2 1 3; y = Resize(x, _, _, z)",
        "float 1x3: 1 1 2"},
    {"ties to the right",
        "init x float 1,2 1 2; init z int64 2 1 3; y = Resize(x, _, _, z) nearest_mode='round_prefer_ceil'",
        "float 1x3: 1 2 2"},
    {"scales that are not exact",
        "init x float 1,5 1 2 3 4 5; init s float 2 1 0.6; "
        "y = Resize(x, _, s) nearest_mode='floor'",
        "float 1x3: 1 3 4"},
    {"linear", "init x float 1,2 0 4; init s float 2 1 2; y = Resize(x, _, s) mode='linear'",
        "float 1x4: 0 1 3 4"},
    {"linear on corners",
        "init x float 1,2 0 4; init z int64 2 1 5; "
        "y = Resize(x, _, _, z) mode='linear' coordinate_transformation_mode='align_corners'",
        "float 1x5: 0 1 2 3 4"},
    {"linear, asymmetric",
        "init x float 1,2 0 4; init s float 2 1 2; "
        "y = Resize(x, _, s) mode='linear' coordinate_transformation_mode='asymmetric'",
        "float 1x4: 0 2 4 4"},
    {"linear in two directions",
        I "init z int64 4 1 1 3 3; "
          "y = Resize(x, _, _, z) mode='linear' coordinate_transformation_mode='align_corners'",
        "float 1x1x3x3: 1 1.5 2 2 2.5 3 3 3.5 4"},
    {"cubic",
        "init x float 1,4 0 0 8 8; init z int64 2 1 7; "
        "y = Resize(x, _, _, z) mode='cubic' coordinate_transformation_mode='align_corners'",
        "float 1x7: 0 -0.75 0 4 8 8.75 8"},
    {"cubic without what is outside",
        "init x float 1,2 0 8; init z int64 2 1 1; y = Resize(x, _, _, z) mode='cubic' "
        "coordinate_transformation_mode='half_pixel' exclude_outside=1",
        "float 1x1: 4"},
    {"against aliasing",
        "opset 18; init x float 1,4 0 4 8 12; init z int64 2 1 2; "
        "y = Resize(x, _, _, z) mode='linear' antialias=1 exclude_outside=1",
        "float 1x2: 2.85714 9.14286"},
    {"crop",
        "init x float 1,3 1 2 3; init r float 4 0 0.5 1 1.5; init z int64 2 1 3; y = Resize(x, r, _, z) "
        "mode='linear' "
        "coordinate_transformation_mode='tf_crop_and_resize' extrapolation_value=9.0",
        "float 1x3: 2 3 9"},
    {"symmetric",
        "opset 19; init x float 1,4 1 2 3 4; init s float 2 1 0.6; y = Resize(x, _, s) mode='linear' "
        "coordinate_transformation_mode='half_pixel_symmetric'",
        "float 1x2: 1.66667 3.33333"},
    {"not larger",
        "opset 18; " I "init z int64 2 4 6; y = Resize(x, _, _, z) axes=[2,3] "
        "keep_aspect_ratio_policy='not_larger'",
        "float 1x1x4x4: 1 1 2 2 1 1 2 2 3 3 4 4 3 3 4 4"},
    {"an axis twice",
        "opset 18; " I "init z int64 2 3 4; y = Resize(x, _, _, z) axes=[2,-2]", "wrong: 'axes' holds axis 2 twice"},
    {"an axis twice, by scales",
        "opset 18; " I "init s float 2 1 2; y = Resize(x, _, s) axes=[3,3]", "wrong: 'axes' holds axis 3 twice"},
    {"not smaller",
        "opset 18; init x float 1,2 1 2; init z int64 2 2 2; y = Resize(x, _, _, z) "
        "keep_aspect_ratio_policy='not_smaller'",
        "float 2x4: 1 1 2 2 1 1 2 2"},
    {"integers between integers",
        "init x int64 1,2 1 2; init s float 2 1 2; y = Resize(x, _, s) mode='linear'",
        "cannot: interpolation of int64 is not supported"},
    {"scale 0", "init x float 1,2 1 2; init s float 2 1 0; y = Resize(x, _, s)",
        "wrong: the scale of axis 1 is 0"},
    {"too few scales", "init x float 1,2 1 2; init s float 1 2; y = Resize(x, _, s)",
        "wrong: 'scales' has 1 numbers for 2 axes"},
    {"upsample 1", "opset 1; " I "y = Upsample(x) height_scale=1.0 width_scale=2.0",
        "float 1x1x2x4: 1 1 2 2 3 3 4 4"},
    {"upsample 7", "opset 7; init x float 1,2 1 3; y = Upsample(x) scales=[1.0,2.0] mode='linear'",
        "float 1x4: 1 2 3 3"},
    {"upsample 9", "opset 9; init x float 1,2 1 3; init s float 2 2 1; y = Upsample(x, s)",
        "float 2x2: 1 3 1 3"},
};

const size_t movecases_resizes_count = sizeof movecases_resizes / sizeof *movecases_resizes;

#define ROIS "init r float 1,4 0 0 1 1; init b int64 1 0; "
#define BOXES "init b float 1,3,4 0 0 2 2 0 0 2 1.9 5 5 6 6; init s float 1,1,3 0.5 0.75 0.25; "

const struct move_case movecases_regions[] = {
    {"roi align", "opset 16; " I ROIS "y = RoiAlign(x, r, b) sampling_ratio=1", "float 1x1x1x1: 1"},
    {"roi align without half pixels", "opset 10; " I ROIS "y = RoiAlign(x, r, b) sampling_ratio=1",
        "float 1x1x1x1: 2.5"},
    {"roi align, several places", "opset 10; " I ROIS "y = RoiAlign(x, r, b) output_width=2 sampling_ratio=2",
        "float 1x1x1x2: 2.25 2.75"},
    {"roi align to the largest", "opset 10; " I ROIS "y = RoiAlign(x, r, b) sampling_ratio=1 mode='max'",
        "float 1x1x1x1: 1"},
    {"roi of no batch", "opset 16; " I "init r float 1,4 0 0 1 1; init b int64 1 1; y = RoiAlign(x, r, b)",
        "wrong: batch index 1 is outside extent 1"},
    {"max roi pool",
        "init x float 1,1,3,3 1 2 3 4 5 6 7 8 9; init r float 1,5 0 0 0 1 2; "
        "y = MaxRoiPool(x, r) pooled_shape=[1,2]",
        "float 1x1x1x2: 7 8"},
    {"suppression", BOXES "init m int64 1 2; init t float 1 0.5; y = NonMaxSuppression(b, s, m, t)",
        "int64 2x3: 0 0 1 0 0 2"},
    {"suppression with a score",
        BOXES "init m int64 1 2; init t float 1 0.5; init c float 1 0.5; "
              "y = NonMaxSuppression(b, s, m, t, c)",
        "int64 1x3: 0 0 1"},
    {"suppression of everything", BOXES "y = NonMaxSuppression(b, s)", "int64 0x3:"},
    {"suppression around centers",
        "init b float 1,2,4 1 1 2 2 3 1 2 2; init s float 1,1,2 1 1; init m int64 1 9; "
        "y = NonMaxSuppression(b, s, m) center_point_box=1",
        "int64 2x3: 0 0 0 0 0 1"},
    {"grid sample", "opset 16; " I "init g float 1,1,3,2 -0.5 -0.5 0 0 1 1; y = GridSample(x, g)",
        "float 1x1x1x3: 1 2.5 1"},
    {"grid sample on corners",
        "opset 16; " I "init g float 1,1,3,2 -1 -1 1 -1 0 1; y = GridSample(x, g) align_corners=1",
        "float 1x1x1x3: 1 2 3.5"},
    {"grid sample beyond the border",
        "opset 16; " I "init g float 1,1,2,2 -9 -9 9 0; "
        "y = GridSample(x, g) padding_mode='border'",
        "float 1x1x1x2: 1 3"},
    {"grid sample beyond a mirror",
        "opset 16; init x float 1,1,1,3 1 2 3; init g float 1,1,2,2 2 0 -1.5 0; "
        "y = GridSample(x, g) padding_mode='reflection' align_corners=1",
        "float 1x1x1x2: 2 1.5"},
    {"grid sample, nearest",
        "opset 20; " I "init g float 1,1,2,2 -0.9 0.9 3 3; y = GridSample(x, g) mode='nearest'",
        "float 1x1x1x2: 3 0"},
    {"grid sample, cubic",
        "opset 20; init x float 1,1,1,4 0 0 8 8; init g float 1,1,1,2 0 0; "
        "y = GridSample(x, g) mode='cubic' align_corners=1",
        "float 1x1x1x1: 4"},
    {"grid sample in a volume",
        "opset 20; init x float 1,1,2,1,1 1 3; init g float 1,1,1,2,3 0 0 0 0 0 -0.5; "
        "y = GridSample(x, g)",
        "float 1x1x1x1x2: 2 1"},
    {"grid of other points", "opset 16; " I "init g float 1,1,1,3 0 0 0; y = GridSample(x, g)",
        "wrong: a grid of rank 4 with 3 numbers a point does not fit rank 4"},
    {"affine grid",
        "opset 20; init t float 1,2,3 1 0 0.5 0 2 0; init s int64 4 1 1 1 2; y = AffineGrid(t, s)",
        "float 1x1x2x2: 0 0 1 0"},
    {"affine grid on corners",
        "opset 20; init t float 1,2,3 1 0 0 0 2 0; init s int64 4 1 1 2 1; y = AffineGrid(t, s) "
        "align_corners=1",
        "float 1x2x1x2: 0 -2 0 2"},
    {"columns to image",
        "opset 18; init x float 1,2,2 1 2 3 4; init i int64 1 3; init b int64 1 2; y = Col2Im(x, i, b)",
        "float 1x1x3: 1 5 4"},
    {"padded, dilated columns",
        "opset 18; init x float 1,2,2 1 2 3 4; init i int64 1 3; init b int64 1 2; "
        "y = Col2Im(x, i, b) pads=[1,0] dilations=[2]",
        "float 1x1x3: 2 3 4"},
    {"columns that do not fit",
        "opset 18; init x float 1,2,3 1 2 3 4 5 6; init i int64 1 3; init b int64 1 2; "
        "y = Col2Im(x, i, b)",
        "wrong: the columns do not have rank 3, blocks of 2 elements, and 2 places"},
};

const size_t movecases_regions_count = sizeof movecases_regions / sizeof *movecases_regions;
