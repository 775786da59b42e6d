/* Line charts as SVG, written by hand: panels beside and below each other, with axes, ticks and one legend. */
#ifndef GRAMME_BENCH_PLACEMENT_FIGURE_H
#define GRAMME_BENCH_PLACEMENT_FIGURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { POINTS_MOST = 24, SERIES_MOST = 8, TICKS_MOST = 12 };

enum marker { MARKER_CIRCLE, MARKER_SQUARE, MARKER_TRIANGLE };

struct point {
    double x;
    double y;
    double low; /* a whisker from low to high, where they differ */
    double high;
};

struct series {
    const char *name;
    const char *colour;
    bool dashed;
    bool broad; /* drawn broad and pale, for a line that another may cover */
    enum marker marker;
    struct point points[POINTS_MOST];
    size_t count;
};

struct tick {
    double at;
    const char *text;
};

struct axis {
    const char *title;
    bool logarithmic;
    double low;
    double high;
    struct tick ticks[TICKS_MOST];
    size_t tick_count;
};

struct panel {
    const char *title;
    struct axis x;
    struct axis y;
    bool whiskers;
    struct series series[SERIES_MOST];
    size_t series_count;
};

/* Two panels in a row; the legend is that of the panel with the most series. Texts are plain: no markup in them. */
void figure_write(FILE *file, const char *title, const struct panel *panels, size_t count);

#endif
