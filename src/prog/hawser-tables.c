/* Prints the tables for tools/check-man and for the completions: table, name, state, default, type, scope, help; for
 * options of programs the argument and the keyword stand in place of default and type. Rows "choices" hold a table, a
 * keyword and the values that it may have. Not installed. */
#include <stdio.h>
#include "base/mem.h"
#include "client/options.h"
#include "conf/conf.h"
#include "conf/types.h"
#include "server/options.h"
#include "tools/option.h"

static void print_default(const char *s)
{
	for (; s && *s; s++)
		putchar(*s == '\n' ? ' ' : *s);
}

static void print_options(void)
{
	size_t n;
	const struct option_row *rows = options_table(&n);
	for (size_t i = 0; i < n; i++)
		printf("ssh\t-%c\t%s\t%s\t%s\t-\t%s\n", rows[i].letter, rows[i].later ? "later" : "built", rows[i].arg ? rows[i].arg : "-",
			rows[i].keyword ? rows[i].keyword : "-", rows[i].help);
}

static void print_sshd_options(void)
{
	size_t n;
	const struct sshd_option_row *rows = sshd_options_table(&n);
	for (size_t i = 0; i < n; i++)
		printf("sshd\t-%c\t%s\t%s\t%s\t-\t%s\n", rows[i].letter, rows[i].help ? "built" : "ignored", rows[i].arg ? rows[i].arg : "-",
			rows[i].keyword ? rows[i].keyword : "-", rows[i].help ? rows[i].help : "");
}

static void print_tool(const char *program, const struct tool_option *o)
{
	printf("%s\t-%c\t%s\t%s\t-\t-\t%s\n", program, o->letter, o->later ? "later" : "built", o->arg ? o->arg : "-", o->help);
}

static void print_tools(void)
{
	static const struct { const char *name; const struct tool_option *(*rows)(size_t *); } tools[] = {
		{"ssh-add", add_options}, {"ssh-agent", agent_options}, {"ssh-keyscan", keyscan_options},
	};
	struct tool_option one;
	for (size_t i = 0; keygen_option(i, &one); i++)
		print_tool("ssh-keygen", &one);
	for (size_t t = 0; t < ARRAY_LEN(tools); t++) {
		size_t n;
		const struct tool_option *rows = tools[t].rows(&n);
		for (size_t i = 0; i < n; i++)
			print_tool(tools[t].name, &rows[i]);
	}
}

static void print_choices(const char *table, const struct conf_key *k)
{
	printf("choices\t%s\t%s\t", table, k->name);
	for (const struct conf_choice *c = k->choices; c->name; c++)
		printf("%s%s", c == k->choices ? "" : " ", c->name);
	putchar('\n');
}

int main(void)
{
	static const char *const states[] = {
		[CONF_BUILT] = "built", [CONF_LATER] = "later", [CONF_DEPRECATED] = "deprecated", [CONF_IGNORED] = "ignored",
		[CONF_ALIAS] = "alias", [CONF_BLOCK] = "block",
	};
	for (int which = CONF_SSH; which <= CONF_SSHD; which++) {
		size_t n;
		const struct conf_key *keys = conf_keys((enum conf_which)which, &n);
		for (size_t i = 0; i < n; i++) {
			const struct conf_key *k = &keys[i];
			printf("%s\t%s\t%s\t", which == CONF_SSH ? "ssh_config" : "sshd_config", k->name, states[k->state]);
			print_default(k->dflt ? k->dflt : "unset");
			printf("\t%s\t%s\t%s\n", k->type ? k->type->name : "-", k->scope == CONF_MATCH ? "match" : "global", k->help ? k->help : "");
			if (k->choices)
				print_choices(which == CONF_SSH ? "ssh_config" : "sshd_config", k);
		}
	}
	print_options();
	print_sshd_options();
	print_tools();
	return fflush(stdout) == 0 ? 0 : 1;
}
