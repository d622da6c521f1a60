/* From messages to the bytes of a file: protobuf-c packs, and its appends become a layout. */
#include "onnx/external.h"
#include "onnx/layout.h"

#include "onnx/model.h"

#include <inttypes.h>

#if PROTOBUF_C_VERSION_NUMBER < 1004000
#error "protobuf-c before 1.4 packs inner messages through copies, computed payloads among them"
#endif

/* Shorter pieces are copied into the layout; one span for each would cost more. */
enum { worth_a_span = 4096 };

struct sink {
    ProtobufCBuffer base; /* first: protobuf-c hands this back */
    const struct bnf_model *model;
    struct bnf_layout *layout;
};

/* protobuf-c passes a payload (raw_data, packed floats and doubles) as one piece, with its own pointer.
 * Pieces of `worth_a_span` bytes are never from its scratch space. */
static void append(ProtobufCBuffer *base, size_t size, const uint8_t *bytes)
{
    struct sink *sink = (struct sink *)base;
    const struct bnf_source *source = bnf_model_source(sink->model, bytes);
    if (source)
        bnf_layout_payload(sink->layout, NULL, source, size, false);
    else if (size >= worth_a_span)
        bnf_layout_payload(sink->layout, bytes, NULL, size, false);
    else
        bnf_layout_bytes(sink->layout, bytes, size);
}

bool bnf_save_pb_fits(const struct bnf_model *model)
{
    return protobuf_c_message_get_packed_size(&model->proto->base) <= INT32_MAX;
}

int bnf_save_pb_layout(const struct bnf_model *model, struct bnf_layout *layout, struct bnf_err *err)
{
    size_t size = protobuf_c_message_get_packed_size(&model->proto->base);
    if (size > INT32_MAX)
        return bnf_fail(err, BNF_EINPUT,
            "%zu bytes as ONNX, but a protobuf file holds at most %" PRId32
            "; --external-data=auto and an output that is a file let weights go to a side file",
            size, INT32_MAX);
    struct sink sink = {.base.append = append, .model = model, .layout = layout};
    protobuf_c_message_pack_to_buffer(&model->proto->base, &sink.base);
    return layout->failed ? bnf_fail_memory(err) : BNF_OK;
}
