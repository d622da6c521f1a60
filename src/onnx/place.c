#include "onnx/place.h"

#include "base/utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { longest_name = 96 };

const char *bnf_place_quote(const char *text, size_t length, char *copy, size_t room)
{
    size_t used = 0;
    for (size_t at = 0, size; at < length; at += size ? size : 1) {
        size = bnf_utf8_shown(text + at, length - at);
        if (used + (size ? size : 1) >= room)
            break;
        if (size)
            memcpy(copy + used, text + at, size);
        else
            copy[used] = '?';
        used += size ? size : 1;
    }
    copy[used] = 0;
    return copy;
}

/* A model has one graph and an attribute one value: naming the field would only make the sentence longer. */
static bool is_silent(const char *field)
{
    static const char *const silent[] = {"graph", "g", "t", "raw_data"};
    for (size_t i = 0; i < sizeof silent / sizeof *silent; i++)
        if (strcmp(field, silent[i]) == 0)
            return true;
    return false;
}

void bnf_place_enter(struct bnf_place *place, const ProtobufCFieldDescriptor *field, size_t index,
    const char *name, size_t length)
{
    static const char cut[] = ": …";
    if (is_silent(field->name))
        return;
    char quoted[longest_name], number[32] = "", text[3 * longest_name];
    if (name)
        bnf_place_quote(name, length, quoted, sizeof quoted);
    bool by_name = name && strcmp(field->name, "attribute") == 0;
    if (field->label == PROTOBUF_C_LABEL_REPEATED && !by_name)
        snprintf(number, sizeof number, " %zu", index);
    snprintf(text, sizeof text, "%s%s%s%s%s%s", place->size ? ": " : "", field->name, number,
        name ? " '" : "", name ? quoted : "", name ? "'" : "");
    size_t size = strlen(text);
    if (place->size >= sizeof place->text - sizeof cut)
        return;
    if (size >= sizeof place->text - sizeof cut - place->size) {
        memcpy(place->text + place->size, cut, sizeof cut);
        place->size = sizeof place->text - 1; /* full: nothing comes after the ellipsis */
        return;
    }
    memcpy(place->text + place->size, text, size + 1);
    place->size += size;
}

void bnf_place_tell(const struct bnf_place *place, struct bnf_err *err)
{
    if (place->size)
        (void)bnf_fail_at(err, "%s", place->text);
}
