#include "CWebPage.h"

// An extension before C23, which every clang of Swift 6.3 knows.
#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char index_html[] = {
#embed "../WebPage/files/index.html"
};

static const unsigned char style_css[] = {
#embed "../WebPage/files/style.css"
};

static const unsigned char icon_svg[] = {
#embed "../WebPage/files/icon.svg"
};

static const unsigned char actions_js[] = {
#embed "../WebPage/files/actions.js"
};

static const unsigned char app_js[] = {
#embed "../WebPage/files/app.js"
};

static const unsigned char catalog_js[] = {
#embed "../WebPage/files/catalog.js"
};

static const unsigned char dom_js[] = {
#embed "../WebPage/files/dom.js"
};

static const unsigned char metrics_js[] = {
#embed "../WebPage/files/metrics.js"
};

static const unsigned char pages_js[] = {
#embed "../WebPage/files/pages.js"
};

static const unsigned char session_js[] = {
#embed "../WebPage/files/session.js"
};

static const unsigned char stream_js[] = {
#embed "../WebPage/files/stream.js"
};

static const unsigned char table_js[] = {
#embed "../WebPage/files/table.js"
};

static const unsigned char views_js[] = {
#embed "../WebPage/files/views.js"
};

#define FILE(name, bytes) {name, bytes, sizeof bytes}

static const struct cwebpage_file files[] = {
    FILE("index.html", index_html),
    FILE("style.css", style_css),
    FILE("icon.svg", icon_svg),
    FILE("actions.js", actions_js),
    FILE("app.js", app_js),
    FILE("catalog.js", catalog_js),
    FILE("dom.js", dom_js),
    FILE("metrics.js", metrics_js),
    FILE("pages.js", pages_js),
    FILE("session.js", session_js),
    FILE("stream.js", stream_js),
    FILE("table.js", table_js),
    FILE("views.js", views_js),
};

const struct cwebpage_file *const cwebpage_files = files;
const size_t cwebpage_file_count = sizeof files / sizeof files[0];
