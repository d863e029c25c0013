/* Nodes that somebody lists, in a file or as words: one reading for both. See glia_collect.h. */
#include "collect_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES = 2048, ADDRESS_BYTES = 824 };

glia_status glia_address_(const char *text, bool exporter, char *out, size_t size)
{
  CURLU *url = curl_url();

  GLIA_CHECK(url != NULL, GLIA_E_MEMORY, "address %s", text);
  snprintf(out, size, "%s%s", strstr(text, "://") == NULL ? "http://" : "", text);
  for (size_t n = strlen(out); !exporter && n > 0 && out[n - 1] == '/'; n--) out[n - 1] = '\0';
  const bool good = strlen(text) < ADDRESS_BYTES && curl_url_set(url, CURLUPART_URL, out, 0) == 0 &&
                    (strncmp(out, "http://", 7) == 0 || strncmp(out, "https://", 8) == 0);
  curl_url_cleanup(url);
  GLIA_CHECK(good, GLIA_E_ARGUMENT,
             "%.100s: no address; expected HOST:PORT, http[s]://HOST:PORT[/PATH] or NAME=ADDRESS",
             text);
  return GLIA_OK;
}

/* "http://host:9777/x" to "host", "host:9100" for another port: two ports of a host are two nodes. */
static void name_of_url(const char *url, char *out, size_t size)
{
  const char *at = strstr(url, "://");

  at = at != NULL ? at + 3 : url;
  snprintf(out, size, "%.*s", (int)strcspn(at, "/"), at);
  const size_t n = strlen(out);
  if (n > 5 && strcmp(out + n - 5, ":9777") == 0) out[n - 5] = '\0';
}

/* "NAME ADDRESS", "NAME=ADDRESS" or "ADDRESS", which may have '=' behind its host. false: blank. */
static bool split(const char *text, char name[LINE_BYTES], char address[LINE_BYTES])
{
  char second[LINE_BYTES], third[2];
  const int words = sscanf(text, "%2047s %2047s %1s", address, second, third);

  name[0] = '\0';
  if (words < 1) return false;
  if (words == 3) { /* as it stands it is no address */
    snprintf(address, LINE_BYTES, "%.2000s", text);
    return true;
  }
  if (words == 2) {
    snprintf(name, LINE_BYTES, "%s", address);
    snprintf(address, LINE_BYTES, "%s", second);
    return true;
  }
  const size_t n = strcspn(address, "=/?");
  if (address[n] != '=') return true;
  snprintf(name, LINE_BYTES, "%.*s", (int)n, address);
  memmove(address, address + n + 1, strlen(address + n + 1) + 1);
  return true;
}

/* One more, as it was said; `where` it was for who is told what is wrong with it. */
static glia_status list_one(struct glia_collect_list *list, const char *text, const char *where)
{
  char name[LINE_BYTES], address[LINE_BYTES], url[LINE_BYTES + 16];

  if (!split(text, name, address)) return GLIA_OK;
  const glia_status st = glia_address_(address, false, url, sizeof url);
  if (st == GLIA_E_ARGUMENT) {
    char why[512];
    snprintf(why, sizeof why, "%s", glia_trace_message());
    return GLIA_FAIL(where[0] != '\0' ? GLIA_E_DATA : GLIA_E_USAGE, "%s%s", where, why);
  }
  GLIA_TRY(st);
  struct glia_collect_listed *more = realloc(list->node, (size_t)(list->n + 1) * sizeof *more);
  GLIA_CHECK(more != NULL, GLIA_E_MEMORY, "%lld nodes", (long long)list->n);
  list->node = more;
  struct glia_collect_listed *e = &list->node[list->n++];
  *e = (struct glia_collect_listed){.named = name[0] != '\0', .url = strdup(url)};
  if (!e->named) name_of_url(url, name, sizeof name);
  e->name = strdup(name);
  e->where = strdup(where);
  GLIA_CHECK(e->name != NULL && e->url != NULL && e->where != NULL, GLIA_E_MEMORY, "node %s", name);
  return GLIA_OK;
}

static glia_status list_file(struct glia_collect_list *list, const char *path)
{
  char line[LINE_BYTES], where[LINE_BYTES];
  glia_status st = GLIA_OK;
  int number = 0;
  FILE *f = fopen(path, "r");

  GLIA_CHECK(f != NULL, GLIA_E_MISSING, "%s: %s", path, strerror(errno));
  while (st == GLIA_OK && fgets(line, sizeof line, f) != NULL) {
    line[strcspn(line, "#\r\n")] = '\0';
    snprintf(where, sizeof where, "%.1900s:%d: ", path, ++number);
    st = list_one(list, line, where);
  }
  fclose(f);
  GLIA_TRY(st);
  GLIA_CHECK(list->n > 0, GLIA_E_DATA, "%s: no node in it; expected lines 'NAME URL'", path);
  return GLIA_OK;
}

static void free_one(struct glia_collect_listed *e)
{
  free(e->name);
  free(e->url);
  free(e->where);
}

/* Who is listed with a name anywhere is it wherever else his address stands alone; the same twice is once. names, urls: of `list`, to be forgotten. */
static glia_status keep_one_of_each(struct glia_collect_list *list, struct glia_names *names,
                                    struct glia_names *urls)
{
  int64_t kept = 0;

  for (int64_t i = 0; i < list->n; i++)
    if (list->node[i].named && glia_names_find_(urls, list->node[i].url) < 0)
      GLIA_TRY(glia_names_add_(urls, list->node[i].url, i));
  for (int64_t i = 0; i < list->n; i++) {
    struct glia_collect_listed *e = &list->node[i];
    const int64_t before = glia_names_find_(names, e->name);
    e->again = (!e->named && glia_names_find_(urls, e->url) >= 0) ||
               (before >= 0 && strcmp(list->node[before].url, e->url) == 0);
    GLIA_CHECK(
        e->again || before < 0, e->where[0] != '\0' ? GLIA_E_DATA : GLIA_E_USAGE,
        "%snode %s is listed twice, as %s and %s: NAME=ADDRESS gives one of them another name",
        e->where, e->name, list->node[before].url, e->url);
    if (!e->again) GLIA_TRY(glia_names_add_(names, e->name, i));
  }
  glia_names_forget_(names); /* names move now */
  glia_names_forget_(urls);
  for (int64_t i = 0; i < list->n; i++) {
    if (list->node[i].again)
      free_one(&list->node[i]);
    else
      list->node[kept++] = list->node[i];
  }
  list->n = kept;
  return GLIA_OK;
}

glia_status glia_collect_list(const char *file, int n_words, const char *const *word,
                              struct glia_collect_list *out)
{
  struct glia_names names = {0}, urls = {0};
  glia_status st = GLIA_OK;

  *out = (struct glia_collect_list){0};
  if (file != NULL) st = list_file(out, file);
  for (int i = 0; st == GLIA_OK && i < n_words; i++) st = list_one(out, word[i], "");
  if (st == GLIA_OK) st = keep_one_of_each(out, &names, &urls);
  glia_names_forget_(&names);
  glia_names_forget_(&urls);
  if (st != GLIA_OK) glia_collect_list_free(out);
  return st;
}

void glia_collect_list_free(struct glia_collect_list *list)
{
  for (int64_t i = 0; i < list->n; i++) free_one(&list->node[i]);
  free(list->node);
  *list = (struct glia_collect_list){0};
}
