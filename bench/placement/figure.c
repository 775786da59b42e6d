#include "placement/figure.h"

#include <math.h>

enum {
    PANEL_WIDTH = 540,
    PANEL_HEIGHT = 330,
    LEFT = 70, /* from a panel's edge to its axes */
    RIGHT = 20,
    TOP = 44,
    BOTTOM = 52,
    HEAD = 96, /* title and legend */
    LEGEND_COLUMN = 260,
    LEGEND_ROW = 20,
};

#define INK  "#222222"
#define PALE "#d8d8d8"

/* A panel on the page. */
struct frame {
    const struct panel *panel;
    double x;
    double y;
};

static double along(const struct axis *axis, double value) {
    if (axis->logarithmic) {
        return log(value / axis->low) / log(axis->high / axis->low);
    }
    return (value - axis->low) / (axis->high - axis->low);
}

static double x_of(const struct frame *frame, double value) {
    return frame->x + LEFT + along(&frame->panel->x, value) * (PANEL_WIDTH - LEFT - RIGHT);
}

static double y_of(const struct frame *frame, double value) {
    return frame->y + PANEL_HEIGHT - BOTTOM - along(&frame->panel->y, value) * (PANEL_HEIGHT - TOP - BOTTOM);
}

static void write_line(FILE *file, double x1, double y1, double x2, double y2, const char *colour, double width) {
    fprintf(file, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" stroke-width=\"%.1f\"/>\n", x1,
            y1, x2, y2, colour, width);
}

static void write_text(FILE *file, double x, double y, const char *anchor, const char *more, const char *text) {
    fprintf(file, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\"%s>%s</text>\n", x, y, anchor, more, text);
}

static void write_marker(FILE *file, const struct series *series, double x, double y) {
    double size = series->broad ? 5.5 : 3.5;
    switch (series->marker) {
    case MARKER_CIRCLE:
        fprintf(file, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"", x, y, size);
        break;
    case MARKER_SQUARE:
        fprintf(file, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"", x - size, y - size, 2 * size,
                2 * size);
        break;
    case MARKER_TRIANGLE:
        fprintf(file, "<polygon points=\"%.1f,%.1f %.1f,%.1f %.1f,%.1f\"", x, y - 1.3 * size, x - 1.2 * size, y + size,
                x + 1.2 * size, y + size);
        break;
    }
    fprintf(file, " fill=\"%s\"%s/>\n", series->colour, series->broad ? " fill-opacity=\"0.5\"" : "");
}

static void write_axes(FILE *file, const struct frame *frame) {
    const struct panel *panel = frame->panel;
    double left = x_of(frame, panel->x.low);
    double right = x_of(frame, panel->x.high);
    double bottom = y_of(frame, panel->y.low);
    double top = y_of(frame, panel->y.high);
    write_text(file, left, frame->y + TOP - 16, "start", " font-weight=\"bold\"", panel->title);
    for (size_t i = 0; i < panel->y.tick_count; i++) {
        double y = y_of(frame, panel->y.ticks[i].at);
        write_line(file, left, y, right, y, PALE, 1);
        write_text(file, left - 8, y + 4, "end", "", panel->y.ticks[i].text);
    }
    for (size_t i = 0; i < panel->x.tick_count; i++) {
        double x = x_of(frame, panel->x.ticks[i].at);
        write_line(file, x, bottom, x, bottom + 5, INK, 1);
        write_text(file, x, bottom + 19, "middle", "", panel->x.ticks[i].text);
    }
    write_line(file, left, bottom, right, bottom, INK, 1.2);
    write_line(file, left, top, left, bottom, INK, 1.2);
    write_text(file, (left + right) / 2, bottom + 39, "middle", "", panel->x.title);
    double middle = (top + bottom) / 2;
    fprintf(file, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\" transform=\"rotate(-90 %.1f %.1f)\">%s</text>\n",
            left - 46, middle, left - 46, middle, panel->y.title);
}

static void write_stroke(FILE *file, const struct series *series) {
    fprintf(file, " fill=\"none\" stroke=\"%s\" stroke-width=\"%s\"%s/>\n", series->colour,
            series->broad ? "6\" stroke-opacity=\"0.5" : "2", series->dashed ? " stroke-dasharray=\"6 4\"" : "");
}

/* Side by side, so that one does not hide another. */
static void write_whiskers(FILE *file, const struct frame *frame, const struct series *series) {
    double beside = 3.0 * (double)(series - frame->panel->series);
    for (size_t i = 0; i < series->count; i++) {
        const struct point *point = &series->points[i];
        double x = x_of(frame, point->x) + beside - 1.5 * (double)(frame->panel->series_count - 1);
        write_line(file, x, y_of(frame, point->low), x, y_of(frame, point->high), series->colour, 1.5);
    }
}

static void write_series(FILE *file, const struct frame *frame, const struct series *series) {
    fprintf(file, "<polyline points=\"");
    for (size_t i = 0; i < series->count; i++) {
        const struct point *point = &series->points[i];
        fprintf(file, "%s%.1f,%.1f", i > 0 ? " " : "", x_of(frame, point->x), y_of(frame, point->y));
    }
    fprintf(file, "\"");
    write_stroke(file, series);
    for (size_t i = 0; i < series->count; i++) {
        const struct point *point = &series->points[i];
        write_marker(file, series, x_of(frame, point->x), y_of(frame, point->y));
    }
    if (frame->panel->whiskers) {
        write_whiskers(file, frame, series);
    }
}

static void write_legend(FILE *file, const struct panel *panel, double width) {
    size_t rows = (panel->series_count + 2) / 3;
    for (size_t i = 0; i < panel->series_count; i++) {
        const struct series *series = &panel->series[i];
        double x = LEFT + (double)(i / rows) * (width - LEFT - RIGHT) / 3;
        double y = 54 + (double)(i % rows) * LEGEND_ROW;
        fprintf(file, "<path d=\"M %.1f %.1f h 34\"", x, y);
        write_stroke(file, series);
        write_marker(file, series, x + 17, y);
        write_text(file, x + 42, y + 4, "start", "", series->name);
    }
}

static const struct panel *fullest(const struct panel *panels, size_t count) {
    const struct panel *best = &panels[0];
    for (size_t i = 1; i < count; i++) {
        best = panels[i].series_count > best->series_count ? &panels[i] : best;
    }
    return best;
}

void figure_write(FILE *file, const char *title, const struct panel *panels, size_t count) {
    int width = 2 * PANEL_WIDTH;
    int height = HEAD + (int)((count + 1) / 2) * PANEL_HEIGHT;
    fprintf(file,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "
            "font-family=\"Helvetica, Arial, sans-serif\" font-size=\"13\" fill=\"" INK "\">\n",
            width, height, width, height);
    fprintf(file, "<title>%s</title>\n<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n", title, width, height);
    write_text(file, LEFT, 28, "start", " font-size=\"17\" font-weight=\"bold\"", title);
    write_legend(file, fullest(panels, count), width);
    for (size_t i = 0; i < count; i++) {
        struct frame frame = {&panels[i], (double)(i % 2 * PANEL_WIDTH), (double)(HEAD + i / 2 * PANEL_HEIGHT)};
        write_axes(file, &frame);
        for (size_t j = 0; j < panels[i].series_count; j++) {
            write_series(file, &frame, &panels[i].series[j]);
        }
    }
    fprintf(file, "</svg>\n");
}
