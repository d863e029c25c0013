/* glia COMMAND [options] */
#include "cli_priv.h"

#define GLIA_LEFT_OUT(x)
#define GLIA_COMMAND(x) extern const struct glia_command glia_command_##x##_;
#include "commands.def"
#undef GLIA_COMMAND

const struct glia_command *const cli_commands[] = {
#define GLIA_COMMAND(x) &glia_command_##x##_,
#include "commands.def"
#undef GLIA_COMMAND
#undef GLIA_LEFT_OUT
    NULL,
};

const char *const cli_left_out[] = {
#define GLIA_COMMAND(x)
#define GLIA_LEFT_OUT(x) #x,
#include "commands.def"
    NULL,
};

int main(int argc, char **argv) { return cli_main(argc, argv); }
