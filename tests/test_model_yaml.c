/* What the YAML of a model may say, and what is answered to the rest. */
#include "nn_rig.h"
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* x u8 [4, 3], y i64, t f32 [2] */
static glia_status build(struct rig *r, const char *yaml, int64_t n_labels)
{
  *r = (struct rig){.n_fields = 3, .micro_batch = 2};
  r->field[0] = rig_field("x", GLIA_U8, 2, (int64_t[]){4, 3});
  r->field[1] = rig_field("y", GLIA_I64, 0, NULL);
  r->field[1].n_labels = n_labels;
  r->field[2] = rig_field("t", GLIA_F32, 1, (int64_t[]){2});
  return rig_build(r, yaml);
}

#define TAIL "loss: cross_entropy\n"

static const struct {
  const char *yaml, *says;
} bad[] = {
    {TAIL, "model is missing"},
    {"model: []\n" TAIL, "run.yaml:1: model: expected a list of layers"},
    {"model: linear\n" TAIL, "expected a list of layers"},
    {"model:\n  - flatten\n  - liner: 5\n" TAIL,
     "run.yaml:3: model.1.liner: unknown layer 'liner': did you mean 'linear'?"},
    {"model:\n  - flaten\n" TAIL,
     "run.yaml:2: model.0: unknown layer 'flaten': did you mean 'flatten'?"},
    {"model: [zzzzzzzz]\n" TAIL, "expected one of linear, flatten"},
    {"model: [{}]\n" TAIL, "no kind of layer"},
    {"model: [[relu]]\n" TAIL, "expected a layer: its name"},
    {"model: [flatten, {linear: 5, relu: }]\n" TAIL,
     "two kinds of layer in one place: linear and relu"},
    {"model: [flatten, {linear: 5, nane: a}]\n" TAIL, "unknown layer 'nane': did you mean 'name'?"},
    {"model: [flatten, {linear: {unitz: 5}}]\n" TAIL, "unknown key 'unitz': did you mean 'units'?"},
    {"model: [flatten, linear]\n" TAIL, "linear needs units"},
    {"model: [flatten, {linear: 2147483647}, {linear: 2147483647}, {linear: 3}]\n" TAIL,
     "is more than any memory holds"},
    {"model: [{max_pool: {kernel: 2, padding: 2}}]\n" TAIL,
     "padding 2, expected at most half of the kernel, 1"},
    {"model: [{avg_pool: {kernel: 2, padding: 2, count_padding: false}}]\n" TAIL,
     "padding 2, expected at most half of the kernel, 1"},
    {"model: [flatten, {linear: {bias: false}}]\n" TAIL, "linear needs units"},
    {"model: [flatten, {linear: 0}]\n" TAIL, "found 0, expected 1 to"},
    {"model: [flatten, {linear: many}]\n" TAIL, "found 'many', expected a whole number"},
    {"model: [flatten, {linear: [5]}]\n" TAIL, "linear takes a map with units, bias, init"},
    {"model: [flatten, {linear: {units: 5, init: pytorsch}}]\n" TAIL, "did you mean 'pytorch'?"},
    {"model: [flatten, {relu: 5}]\n" TAIL, "relu takes no options"},
    {"model: [flatten, {relu: {slope: 5}}]\n" TAIL, "relu takes no options"},
    {"model: [{reshape: {from: [2, 6]}}]\n" TAIL, "unknown key 'from': expected one of to"},
    {"model: [{reshape: {}}]\n" TAIL, "reshape takes the shape of a row"},
    {"model: [flatten, dropout]\n" TAIL, "dropout needs p"},
    {"model: [flatten, {dropout: 1.0}]\n" TAIL, "found 1.0, expected 0 to less than 1"},
    {"model:\n  - linear: 5\n" TAIL, "run.yaml:2: model.0.linear: layer 00-linear: input has rows "
                                     "of shape [4, 3], expected one axis: put flatten"},
    {"model: [{reshape: [5, 2]}]\n" TAIL,
     "rows of shape [4, 3] (12 elements), expected 10 elements"},
    {"model: [{reshape: 12}]\n" TAIL, "reshape takes the shape of a row"},
    {"model: [{reshape: [12, 0]}]\n" TAIL, "found 0, expected 1 to"},
    {"model: [{flatten: , name: a}, {linear: 5, from: [b]}]\n" TAIL,
     "no layer before this one and no field of the data is named 'b'"},
    {"model: [{flatten: , name: front}, {linear: 5, from: [fornt]}]\n" TAIL,
     "did you mean 'front'?"},
    {"model: [{flatten: , from: [later]}, {linear: 5, name: later}]\n" TAIL, "is named 'later'"},
    {"model: [{flatten: , name: a}, {linear: 5, from: [a, a]}]\n" TAIL,
     "reads 1 value, from: names 2"},
    {"model: [{flatten: , name: a}, {linear: 5, from: {a: 1}}]\n" TAIL, "expected a list of names"},
    {"model: [flatten, add]\n" TAIL, "needs from: [two names or more]"},
    {"model: [{flatten: , name: a}, {linear: 5, name: b}, {add: , from: [a, b]}]\n" TAIL,
     "inputs have rows of shapes [12] and [5], expected equal ones"},
    {"model: [{flatten: , name: a}, {relu: , name: b, from: input}, {concat: , from: [a, "
     "b]}]\n" TAIL,
     "inputs have rows of shapes [12] and [4, 3]"},
    {"model: [{flatten: , name: a}, {concat: {axis: 3}, from: [a, a]}]\n" TAIL, "no axis 3"},
    {"model: [{flatten: , name: a}, {linear: 5, name: a}]\n" TAIL, "two layers named 'a'"},
    {"model: [flatten, {linear: 5, name: 00-flatten}]\n" TAIL, "two layers named '00-flatten'"},
    {"model: [{flatten: , name: a/b}]\n" TAIL, "'a/b' is no name for a layer"},
    {"model: [{flatten: , name: input}]\n" TAIL, "'input' stands for field x"},
    {"model: [{flatten: , name: y}]\n" TAIL, "'y' is a field of the data"},
    {"model: [flatten, {linear: 5}]\n", "loss is missing"},
    {"model: [flatten, {linear: 5}]\nloss: cross_entrpy\n",
     "run.yaml:2: loss: unknown value 'cross_entrpy': did you mean 'cross_entropy'?"},
    {"model: [flatten, {linear: 5}]\nloss: []\n", "loss is missing"},
    {"model: [flatten, {linear: 5}]\nloss: [{of: x}]\n", "no name of a loss"},
    {"model: [flatten, {linear: 5}]\nloss: [{name: mse, tarqet: t}]\n", "did you mean 'target'?"},
    {"model: [flatten, {linear: 5}]\nloss: [{name: mse, target: q}]\n",
     "no layer and no field of the data is named 'q'"},
    {"model: [flatten, {linear: 5}]\nloss: [{name: mse, of: hiden}]\n", "is named 'hiden'"},
    {"model: [flatten, {linear: 5}]\nloss: {name: mse, target: x}\n",
     "rows of shape [5] against a target of shape [4, 3]"},
    {"model: [flatten, {linear: 5}]\nloss: {name: l1, target: x}\n", "l1 has no target"},
    {"model: [flatten, {linear: 5}]\nloss: {name: cross_entropy, target: t}\n",
     "wants whole numbers, field t holds f32 [2]"},
    {"model: [flatten, {linear: 5}]\nloss: {name: cross_entropy, target: x}\n",
     "wants an axis of logits for each label"},
    {"model: [relu]\n" TAIL,
     "wants an axis of logits for each label: layer 00-relu has rows of shape [4, 3]"},
    {"model:\n  - flatten\n  - linear: 4\nloss: cross_entropy\n",
     "run.yaml:4: loss: cross_entropy: labels go up to 4, layer 01-linear tells 4 classes apart"},
    {"model: [flatten, {linear: 5}]\noptimizer: adm\n" TAIL,
     "unknown optimizer 'adm': did you mean 'adam'?"},
    {"model: [flatten, {linear: 5}]\noptimizer: {adam: {lr: 1, beta3: 0.9}}\n" TAIL,
     "unknown key 'beta3': did you mean 'beta1'?"},
    {"model: [flatten, {linear: 5}]\noptimizer: {adam: {lr: -1}}\n" TAIL,
     "found -1, expected at least 0"},
    {"model: [flatten, {linear: 5}]\noptimizer: {adam: {lr: fast}}\n" TAIL,
     "optimizer.adam.lr: found 'fast', expected a number"},
    {"model: [flatten, {linear: 5}]\noptimizer: {adam: 1e-3}\n" TAIL,
     "adam takes a map with lr, weight_decay"},
    {"model: [flatten, {linear: 5}]\noptimizer: {sgd: {nesterov: true}}\n" TAIL,
     "nesterov needs momentum"},
    {"model: [flatten, {linear: 5}]\noptimizer: {adam: , sgd: }\n" TAIL, "two kinds of optimizer"},
    {"model: [flatten, {linear: 5}]\noptimizer: {adam: , groups: {'02*': {lr: 1}}}\n" TAIL,
     "no parameter matches this pattern; the first is 01-linear/bias"},
    {"model: [flatten, {linear: 5}]\noptimizer: {adam: , groups: {'01*': {frosen: true}}}\n" TAIL,
     "did you mean 'frozen'?"},
    {"model: [flatten, {linear: 5}]\noptimizer: {adam: {lr: 0}, groups: {'01*': {lr: 1}}}\n" TAIL,
     "no group can have another"},
    {"model: [flatten, {linear: 5}]\nlr_schedule: {cosin: {}}\n" TAIL, "did you mean 'cosine'?"},
    {"model: [flatten, {linear: 5}]\nlr_schedule: step\n" TAIL, "step needs every"},
    {"model: [flatten, {linear: 5}]\nlr_schedule: {cosine: {warmup: 1.5}}\n" TAIL,
     "expected a whole number"},
    {"model: [flatten, {linear: 5}]\nclip_norm: 0\n" TAIL, "expected a norm above 0"},
    {"model: [flatten, {linear: 5}]\nclip_norm: yes\n" TAIL, "expected a number"},
    {"model: [flatten, {linear: 5}]\ndtype: f16\n" TAIL, "unknown value 'f16'"},
};

static void bad_models_are_refused_with_reason_and_place(void)
{
  for (size_t i = 0; i < GLIA_COUNT(bad); i++) {
    struct rig r;
    const glia_status st = build(&r, bad[i].yaml, 5);
    const bool said = st == GLIA_E_CONFIG && strstr(glia_trace_message(), bad[i].says) != NULL &&
                      strstr(glia_trace_message(), "run.yaml:") != NULL;
    if (!said)
      tap_note("%s gives: %s, without: %s", bad[i].yaml,
               st == GLIA_OK ? "a model" : glia_trace_message(), bad[i].says);
    CU_ASSERT(said);
    CU_ASSERT_PTR_NULL(r.m);
    rig_end(&r);
  }
}

static void data_without_x_are_refused(void)
{
  struct rig r = {.n_fields = 1, .micro_batch = 2};

  r.field[0] = rig_field("image", GLIA_U8, 1, (int64_t[]){4});
  CU_ASSERT_EQUAL(rig_build(&r, "model:\n  - relu\nloss: l1\n"), GLIA_E_CONFIG);
  CU_ASSERT_STRING_EQUAL(glia_trace_message(),
                         "run.yaml:2: model.0: the data have no field x, only image");
  rig_end(&r);
}

static void fields_cannot_have_the_names_of_other_inputs(void)
{
  struct rig r = {.n_fields = 1, .micro_batch = 2};

  r.field[0] = rig_field("weight", GLIA_F32, 0, NULL);
  CU_ASSERT_EQUAL(rig_build(&r, "model: [relu]\nloss: l1\n"), GLIA_E_DATA);
  CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), "field 'weight' of the data"));
  rig_end(&r);
}

static const char *const good[] = {
    "model: [flatten, linear: 512, relu, linear: 10]\nloss: cross_entropy\n",
    "model: [flatten, linear: {units: 5, bias: false, init: glorot}]\nloss: {name: "
    "cross_entropy}\noptimizer: sgd\n",
    "model: [flatten, {linear: 5, name: a}, {relu: , from: a}, {add: , from: [a, 02-relu]}]\nloss: "
    "[cross_entropy]\n",
    "model: [flatten, {linear: 2, name: code}, linear: 12]\n"
    "loss: [{name: mae, target: x}, {name: l1, of: code, weight: 1e-5}]\noptimizer: {adamw: {lr: "
    "1e-3}}\n",
    "model: [flatten, {linear: 2}]\nloss: {name: mse, target: t}\noptimizer: null\nlr_schedule: "
    "null\nclip_norm: null\n",
    "model: [flatten, {concat: {axis: 0}, from: [00-flatten, t]}, layer_norm, {linear: 7}]\nloss: "
    "cross_entropy\n",
    "model: [{reshape: [2, 6]}, {dropout: {p: 0.2}}, flatten, {linear: 5}]\nloss: cross_entropy\n"
    "optimizer: {sgd: {momentum: 0.9}, groups: {'*/bias': {decay: 0, lr: 0.1}, '03-linear/*': "
    "{optimizer: adam}}}\n"
    "lr_schedule: {step: {every: 3}}\nclip_norm: 1\ndtype: f64\nepochs: 5\n",
    "model: [{reshape: {to: [2, 6]}}, {flatten: {}}, {linear: 5}, {relu: {}}]\nloss: "
    "cross_entropy\n",
};

static void good_models_build(void)
{
  for (size_t i = 0; i < GLIA_COUNT(good); i++) {
    struct rig r;
    const glia_status st = build(&r, good[i], 5);
    if (st != GLIA_OK) tap_note("%s gives: %s", good[i], glia_trace_message());
    CU_ASSERT_EQUAL(st, GLIA_OK);
    rig_end(&r);
  }
}

static void parameters_are_listed_by_path(void)
{
  static const char *const want[] = {"params/01-linear/bias", "params/01-linear/weight",
                                     "params/03-linear/bias", "params/03-linear/weight"};
  const struct glia_model_parameter *p;
  const struct glia_state *state;
  struct rig r;

  CU_ASSERT_EQUAL_FATAL(build(&r, good[0], 5), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_model_parameters(r.m, &p), 4);
  glia_graph_states(r.g, &state);
  for (int i = 0; i < 4; i++) {
    CU_ASSERT_STRING_EQUAL(p[i].path, want[i]);
    CU_ASSERT_STRING_EQUAL(state[p[i].state].path, want[i]);
    CU_ASSERT_FALSE(p[i].frozen);
  }
  CU_ASSERT_EQUAL(state[p[1].state].type.dim[0], 512);
  CU_ASSERT_EQUAL(state[p[1].state].type.dim[1], 12);
  CU_ASSERT_EQUAL(glia_model_size(r.m), 12 * 512 + 512 + 512 * 10 + 10);
  rig_end(&r);
}

static void long_models_have_three_digits(void)
{
  char *yaml = malloc(4096);
  struct rig r;
  size_t used = 0;

  used += (size_t)sprintf(yaml + used, "model: [flatten");
  for (int i = 0; i < 99; i++) used += (size_t)sprintf(yaml + used, ", relu");
  sprintf(yaml + used, ", linear: 5]\nloss: cross_entropy\n");
  CU_ASSERT_EQUAL_FATAL(build(&r, yaml, 5), GLIA_OK);
  const struct glia_model_parameter *p;
  CU_ASSERT_EQUAL_FATAL(glia_model_parameters(r.m, &p), 2);
  CU_ASSERT_STRING_EQUAL(p[0].path, "params/100-linear/bias");
  rig_end(&r);
  free(yaml);
}

static void a_model_prints_as_a_table(void)
{
  char *text = NULL;
  struct rig r;

  CU_ASSERT_EQUAL_FATAL(
      build(&r,
            "model: [flatten, linear: 512, relu, {linear: 10, name: head}]\nloss: cross_entropy\n"
            "optimizer: {adam: , groups: {'head/*': {frozen: true}}}\n",
            5),
      GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_model_print(r.m, &text), GLIA_OK);
  CU_ASSERT_STRING_EQUAL(text, "layer       output    parameters\n"
                               "00-flatten  [12]               0\n"
                               "01-linear   [512]           6656\n"
                               "02-relu     [512]              0\n"
                               "head        [10]            5130\n"
                               "total                      11786\n"
                               "trained                     6656\n");
  free(text);
  rig_end(&r);
}

/* Labels out of range are found before a step is taken, in whatever field they stand. */
static void labels_of_any_field_are_checked(void)
{
  static const char yaml[] =
      "model: [flatten, {linear: 5}]\nloss: [{name: cross_entropy, target: z}]\n";
  static const struct {
    int64_t n_labels;
    const char *says;
  } cases[] = {{5, NULL},
               {6, "cross_entropy: labels go up to 5, layer 01-linear tells 5 classes apart"},
               {-1, "field z holds numbers below 0, labels count from 0"}};

  for (size_t i = 0; i < GLIA_COUNT(cases); i++) {
    struct rig r = {.n_fields = 2, .micro_batch = 2};
    r.field[0] = rig_field("x", GLIA_U8, 2, (int64_t[]){4, 3});
    r.field[1] = rig_field("z", GLIA_I64, 0, NULL);
    r.field[1].n_labels = cases[i].n_labels;
    const glia_status st = rig_build(&r, yaml);
    CU_ASSERT_EQUAL(st, cases[i].says == NULL ? GLIA_OK : GLIA_E_CONFIG);
    CU_ASSERT(cases[i].says == NULL || strstr(glia_trace(), cases[i].says) != NULL);
    glia_trace_clear();
    rig_end(&r);
  }
}

/* What is read ahead, staged and handed to a step is a quarter of what f32 would be: only an operator makes floats of bytes. */
static void bytes_stay_bytes_until_the_first_operator(void)
{
  const struct glia_input *in = NULL;
  struct rig r;
  int seen = 0;

  CU_ASSERT_EQUAL_FATAL(build(&r, "model: [flatten, {linear: 5}]\n" TAIL, 5), GLIA_OK);
  const int n = glia_graph_inputs(glia_model_graph(r.m), &in);
  for (int i = 0; i < n; i++) {
    if (strcmp(in[i].name, "x") != 0) continue;
    CU_ASSERT(in[i].type.dtype == GLIA_U8 && glia_type_bytes(&in[i].type) == 2 * 4 * 3);
    seen++;
  }
  CU_ASSERT_EQUAL(seen, 1);
  rig_end(&r);
}

TAP_MAIN("model_yaml", TAP(bad_models_are_refused_with_reason_and_place),
         TAP(data_without_x_are_refused), TAP(fields_cannot_have_the_names_of_other_inputs),
         TAP(good_models_build), TAP(parameters_are_listed_by_path),
         TAP(long_models_have_three_digits), TAP(a_model_prints_as_a_table),
         TAP(labels_of_any_field_are_checked), TAP(bytes_stay_bytes_until_the_first_operator))
