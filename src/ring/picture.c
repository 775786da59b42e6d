#include "ring/picture.h"

#include "ring/memory.h"

#include "base/limits.h"

enum { SHADES = 4, ID_DIGITS = 8, DENSITY_ONE = 1 << 16, NUMBER_SIZE = 24 };

/* Columns of numbers are as wide as their heads. */
enum { WEIGHT_WIDTH = 6, SHARE_WIDTH = 6, FIRST_WIDTH = 5, REPLICAS_WIDTH = 8 };

struct row {
    const struct member *member;
    struct member_index index;
    const char *mark;
    uint32_t *slots; /* first-owned, by column */
};

struct picture {
    struct buffer *output;
    const struct ring *ring;
    const struct picture_options *options;
    struct row *rows;
    size_t row_count;
    uint32_t *slots;
    uint64_t weight;
    uint32_t densest; /* of all cells, in parts of DENSITY_ONE */
    size_t mark_width;
    size_t address_width;
    size_t zone_width;
};

/* --- Writing ----------------------------------------------------------------------------------------------------- */

static void put(struct picture *picture, const char *text) {
    buffer_append(picture->output, text, strlen(text));
}

static void pad(struct picture *picture, size_t count) {
    for (size_t i = 0; i < count; i++) {
        buffer_append_byte(picture->output, ' ');
    }
}

/* Columns on the terminal: code points, that is, bytes that don't continue one. */
static size_t columns_of(const char *text) {
    size_t columns = 0;
    for (; *text != '\0'; text++) {
        columns += ((uint8_t)*text & 0xc0) != 0x80;
    }
    return columns;
}

static void put_left(struct picture *picture, const char *text, size_t width) {
    size_t columns = columns_of(text);
    put(picture, text);
    pad(picture, columns < width ? width - columns : 0);
}

static void put_right(struct picture *picture, const char *text, size_t width) {
    size_t columns = columns_of(text);
    pad(picture, columns < width ? width - columns : 0);
    put(picture, text);
}

/* The last `decimals` digits stand behind a point. */
static const char *number_text(char text[NUMBER_SIZE], uint64_t value, int decimals) {
    char *at = text + NUMBER_SIZE;
    *--at = '\0';
    for (int digits = 0; value > 0 || digits <= decimals; digits++) {
        if (digits == decimals && decimals > 0) {
            *--at = '.';
        }
        *--at = (char)('0' + value % 10);
        value /= 10;
    }
    return at;
}

static void put_number(struct picture *picture, uint64_t value) {
    char text[NUMBER_SIZE];
    put(picture, number_text(text, value, 0));
}

static void put_number_right(struct picture *picture, uint64_t value, size_t width) {
    char text[NUMBER_SIZE];
    put_right(picture, number_text(text, value, 0), width);
}

/* With one decimal, rounded to the nearest; its sign is the last of `width` columns. */
static void put_percent(struct picture *picture, uint64_t part, uint64_t whole, size_t width) {
    char text[NUMBER_SIZE];
    put_right(picture, number_text(text, (part * 2000 + whole) / (2 * whole), 1), width - 1);
    put(picture, "%");
}

/* --- Rows -------------------------------------------------------------------------------------------------------- */

static int compare_rows(const void *left, const void *right) {
    const struct member *a = ((const struct row *)left)->member;
    const struct member *b = ((const struct row *)right)->member;
    int order = strcmp(a->zone, b->zone);
    order = order != 0 ? order : strcmp(a->client_address, b->client_address);
    return order != 0 ? order : node_id_compare(a->id, b->id);
}

static const char *mark_of(const struct picture_options *options, struct node_id id) {
    for (size_t i = 0; i < options->mark_count; i++) {
        if (node_id_equal(options->marks[i].id, id)) {
            return options->marks[i].text;
        }
    }
    return "";
}

static size_t most(size_t a, size_t b) {
    return a > b ? a : b;
}

static void make_rows(struct picture *picture) {
    /* Every member stands in every preference list. */
    const struct member_index *all = ring_preference(picture->ring, (struct partition){0});
    picture->row_count = ring_member_count(picture->ring);
    picture->rows = ZEROED(struct row, picture->row_count);
    picture->slots = ZEROED(uint32_t, picture->row_count * picture->options->width);
    picture->address_width = strlen("member");
    picture->zone_width = strlen("zone");
    for (size_t i = 0; i < picture->row_count; i++) {
        const struct member *member = ring_member(picture->ring, all[i]);
        struct row *row = &picture->rows[i];
        *row = (struct row){.member = member, .index = all[i], .mark = mark_of(picture->options, member->id)};
        row->slots = &picture->slots[i * picture->options->width];
        picture->weight += member->weight;
        picture->mark_width = most(picture->mark_width, columns_of(row->mark));
        picture->address_width = most(picture->address_width, strlen(member->client_address));
        picture->zone_width = most(picture->zone_width, strlen(member->zone));
    }
    qsort(picture->rows, picture->row_count, sizeof(*picture->rows), compare_rows);
}

/* The first slot of a column; that of column `width` is behind the last. */
static uint32_t column_begin(const struct picture *picture, uint32_t column) {
    return (uint32_t)((uint64_t)column * SLOT_COUNT / picture->options->width);
}

static uint32_t density(const struct picture *picture, const struct row *row, uint32_t column) {
    uint32_t slots = column_begin(picture, column + 1) - column_begin(picture, column);
    return row->slots[column] * DENSITY_ONE / slots;
}

static void count_slots(struct picture *picture) {
    uint32_t partitions = ring_partition_count(picture->ring);
    for (size_t i = 0; i < picture->row_count; i++) {
        struct row *row = &picture->rows[i];
        for (uint32_t column = 0; column < picture->options->width; column++) {
            for (uint32_t slot = column_begin(picture, column); slot < column_begin(picture, column + 1); slot++) {
                struct partition partition = partition_of_slot((struct slot){(uint16_t)slot}, partitions);
                row->slots[column] += member_index_equal(ring_preference(picture->ring, partition)[0], row->index);
            }
            uint32_t cell = density(picture, row, column);
            picture->densest = cell > picture->densest ? cell : picture->densest;
        }
    }
}

/* --- Lines ------------------------------------------------------------------------------------------------------- */

static const char *shade_text(const struct picture *picture, uint32_t shade) {
    static const char *const ascii[] = {" ", ".", ":", "+", "#"};
    static const char *const blocks[] = {" ", "\u2591", "\u2592", "\u2593", "\u2588"};
    return picture->options->utf8 ? blocks[shade] : ascii[shade];
}

/* Nothing at all is a blank; else the quarters of the densest cell, each with its upper end. */
static uint32_t shade_of(const struct picture *picture, uint32_t cell) {
    return (uint32_t)(((uint64_t)cell * SHADES + picture->densest - 1) / picture->densest);
}

static void draw_count(struct picture *picture, uint64_t count, const char *one, const char *several) {
    put_number(picture, count);
    put(picture, count == 1 ? one : several);
}

static void draw_title(struct picture *picture) {
    uint32_t partitions = ring_partition_count(picture->ring);
    draw_count(picture, partitions, " partition of ", " partitions of ");
    draw_count(picture, SLOT_COUNT / partitions, " slot, ", " slots, ");
    draw_count(picture, ring_replica_count(picture->ring), " replica of each", " replicas of each");
    if (ring_replica_count(picture->ring) < ring_configured_replica_count(picture->ring)) {
        put(picture, " (of ");
        put_number(picture, ring_configured_replica_count(picture->ring));
        put(picture, ")");
    }
    put(picture, "; ");
    draw_count(picture, picture->row_count, " member in ", " members in ");
    draw_count(picture, ring_zone_count(picture->ring), " zone\n", " zones\n");
}

static void draw_gap(struct picture *picture) {
    pad(picture, 2);
}

static void draw_head(struct picture *picture) {
    char last[NUMBER_SIZE];
    const char *end = number_text(last, SLOT_COUNT - 1, 0);
    if (picture->mark_width > 0) {
        pad(picture, picture->mark_width);
        draw_gap(picture);
    }
    put_left(picture, "member", picture->address_width);
    draw_gap(picture);
    put_left(picture, "id", ID_DIGITS);
    draw_gap(picture);
    put_left(picture, "zone", picture->zone_width);
    put(picture, "  weight   share  first  replicas");
    draw_gap(picture);
    put(picture, "0");
    /* The bar's two edges are columns too. */
    if (picture->options->width > strlen(end)) {
        put_right(picture, end, picture->options->width + 1);
    }
    put(picture, "\n");
}

static void draw_bar(struct picture *picture, const struct row *row) {
    put(picture, "|");
    for (uint32_t column = 0; column < picture->options->width; column++) {
        put(picture, shade_text(picture, shade_of(picture, density(picture, row, column))));
    }
    put(picture, "|\n");
}

static void draw_row(struct picture *picture, const struct row *row) {
    char id[NODE_ID_TEXT_SIZE];
    node_id_to_text(row->member->id, id);
    id[ID_DIGITS] = '\0';
    if (picture->mark_width > 0) {
        put_left(picture, row->mark, picture->mark_width);
        draw_gap(picture);
    }
    put_left(picture, row->member->client_address, picture->address_width);
    draw_gap(picture);
    put(picture, id);
    draw_gap(picture);
    put_left(picture, row->member->zone, picture->zone_width);
    draw_gap(picture);
    put_number_right(picture, row->member->weight, WEIGHT_WIDTH);
    draw_gap(picture);
    put_percent(picture, row->member->weight, picture->weight, SHARE_WIDTH);
    draw_gap(picture);
    put_number_right(picture, ring_first_owned_count(picture->ring, row->index), FIRST_WIDTH);
    draw_gap(picture);
    put_number_right(picture, ring_replica_owned_count(picture->ring, row->index), REPLICAS_WIDTH);
    draw_gap(picture);
    draw_bar(picture, row);
}

static void draw_legend(struct picture *picture) {
    put(picture, "first-owned of a column's slots, at most:");
    for (uint32_t shade = 1; shade <= SHADES; shade++) {
        draw_gap(picture);
        put(picture, shade_text(picture, shade));
        put(picture, " ");
        put_percent(picture, (uint64_t)picture->densest * shade, (uint64_t)DENSITY_ONE * SHADES, 1);
    }
    put(picture, "\n");
}

void picture_draw(struct buffer *output, const struct ring *ring, const struct picture_options *options) {
    ENSURE(options->width >= 1 && options->width <= PICTURE_WIDTH_MOST);
    struct picture picture = {.output = output, .ring = ring, .options = options};
    make_rows(&picture);
    count_slots(&picture);
    draw_title(&picture);
    draw_head(&picture);
    for (size_t i = 0; i < picture.row_count; i++) {
        draw_row(&picture, &picture.rows[i]);
    }
    draw_legend(&picture);
    free(picture.rows);
    free(picture.slots);
}
