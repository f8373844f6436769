/* plugged.c -- a program that knows nothing of Lua, and has a plugin that does:
 * an editor, a proxy, a database.
 *
 *     plugged PLUGIN plain|opened
 *
 * The plugin is loaded with RTLD_LOCAL, as most programs load theirs. So the
 * Lua that it was linked with is seen by the plugin alone.
 */
#include <dlfcn.h>
#include <stdio.h>

static int load_and_run(const char *path, const char *how) {
  void *plugin = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (plugin == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  int (*run)(const char *);
  *(void **)&run = dlsym(plugin, "plugin_run");
  int code = run == NULL ? 2 : run(how);
  return dlclose(plugin) == 0 ? code : 2;
}

/* Three times: what stays loaded of us must fit what comes again. */
int main(int argc, char **argv) {
  int code = argc == 3 ? 0 : 2;
  for (int i = 0; i < 3 && code == 0; i++)
    code = load_and_run(argv[1], argv[2]);
  if (code == 0) puts("fine");
  return code;
}
