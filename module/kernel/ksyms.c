// SPDX-License-Identifier: GPL-2.0-only
/*
 * Resolving the kernel's unexported symbols: once, and before anything else.
 */
#include "kernel/ksyms.h"

#include <linux/array_size.h>
#include <linux/errno.h>
#include <linux/kallsyms.h>
#include <linux/kernel.h>
#include <linux/kprobes.h>
#include <linux/printk.h>

#include "kernel/fault.h"

#define UKSM_KSYM_FUNC(name, ...) \
	DEFINE_STATIC_CALL_NULL(uksm_ksym_##name, name)
#define UKSM_KSYM_DATA(...)
#include "compat/symbols.h"

DEFINE_STATIC_CALL_NULL(uksm_each_match, kallsyms_on_each_match_symbol);

/* The list's prototypes are the headers'; uksm_layout_check() takes their text. */
#define UKSM_KSYM_FUNC(name, ret, ...) \
	static_assert(__same_type(name, ret(__VA_ARGS__)))
#define UKSM_KSYM_DATA(...)
#include "compat/symbols.h"

struct uksm_kdata uksm_kdata __ro_after_init;

/* The types of objects, as far as headers have them: BTF does not. Others are a file's own. */
#define SAME_TYPE(name) static_assert(__same_type(name, *uksm_kdata.name))
SAME_TYPE(mm_kobj);
#ifdef UKSM_HAVE_KSM_ZERO_PAGES
SAME_TYPE(ksm_zero_pages);
#endif
#ifdef CONFIG_MEMORY_FAILURE
SAME_TYPE(num_poisoned_pages);
#endif

struct uksm_ksym_func uksm_ksym_funcs[UKSM_KSYM_MAX_FUNCS] __initdata;
unsigned int uksm_ksym_nr_funcs __initdata;

/*
 * kallsyms tells how far it is from a symbol to the next one: an object needs
 * at least its type's size.
 */
static bool __init object_fits(unsigned long addr, size_t size_bytes)
{
	unsigned long offset, room;
	char text[KSYM_SYMBOL_LEN];
	const char *plus;

	sprint_symbol(text, addr);
	plus = strrchr(text, '+');
	return plus && sscanf(plus, "+%lx/%lx", &offset, &room) == 2 &&
	       !offset && room >= size_bytes;
}

/*
 * The one function that no other can find. A kprobe knows its address, give or
 * take the landing pad that a probe of the function's entry comes after; the
 * probe is never armed.
 */
static int __init bind_lookup(void)
{
	struct kprobe probe = {
		.symbol_name = "kallsyms_on_each_match_symbol",
		.flags = KPROBE_FLAG_DISABLED,
	};
	unsigned long addr, offset, size;
	char text[KSYM_SYMBOL_LEN];
	int err;

	err = register_kprobe(&probe);
	if (err) {
		pr_err("cannot probe %s (error %d): refusing to load\n",
		       probe.symbol_name, err);
		return -ENOENT;
	}
	addr = (unsigned long)probe.addr;
	unregister_kprobe(&probe);

	sprint_symbol(text, addr);
	if (sscanf(text, "kallsyms_on_each_match_symbol+%lx/%lx", &offset,
		   &size) != 2) {
		pr_err("the probe of %s is at %s: refusing to load\n",
		       probe.symbol_name, text);
		return -ENOENT;
	}
	__static_call_update(&STATIC_CALL_KEY(uksm_each_match),
			     STATIC_CALL_TRAMP_ADDR(uksm_each_match),
			     (void *)(addr - offset));
	return 0;
}

struct matches {
	unsigned long addr;
	unsigned int nr;
};

static int __init note_match(void *data, unsigned long addr)
{
	struct matches *matches = data;

	matches->addr = addr;
	matches->nr++;
	return 0;
}

/* Return: the address, or 0 with an error set; 0 at once when one is set. */
static unsigned long __init lookup(const char *name, int *err)
{
	struct matches matches = {};

	if (*err)
		return 0;
	static_call(uksm_each_match)(note_match, name, &matches);
	if (uksm_fault("symbol") && !strcmp(name, "ksm_run"))
		matches.nr = 0;
	if (matches.nr == 1)
		return matches.addr;

	/* Files may have static symbols of one name: there is no telling them. */
	if (matches.nr)
		pr_err("this kernel has %u symbols %s: refusing to load\n",
		       matches.nr, name);
	else
		pr_err("this kernel has no %s: refusing to load\n", name);
	*err = -ENOENT;
	return 0;
}

static void __init bind_data(const char *name, void *where, size_t size_bytes,
			     int *err)
{
	unsigned long addr = lookup(name, err);

	if (addr && !object_fits(addr, size_bytes)) {
		pr_err("this kernel's %s is smaller than expected: refusing to load\n",
		       name);
		*err = -ENOENT;
	}
	*(unsigned long *)where = addr;
}

static void __init bind_func(const char *name, const char *prototype,
			     struct static_call_key *key, void *tramp, int *err)
{
	unsigned long addr = lookup(name, err);

	if (!addr)
		return;
	__static_call_update(key, tramp, (void *)addr);
	if (WARN_ON_ONCE(uksm_ksym_nr_funcs == ARRAY_SIZE(uksm_ksym_funcs)))
		return;
	uksm_ksym_funcs[uksm_ksym_nr_funcs].name = name;
	uksm_ksym_funcs[uksm_ksym_nr_funcs].prototype = prototype;
	uksm_ksym_nr_funcs++;
}

/**
 * uksm_ksyms_init() - find every symbol of compat/symbols.h and bind it
 *
 * Has no effect outside the module, whatever it returns.
 *
 * Return: 0, or -ENOENT after one line in the log that names what is missing, or
 * what there is several of.
 */
int __init uksm_ksyms_init(void)
{
	int err = bind_lookup();

#define UKSM_KSYM_DATA(name) \
	bind_data(#name, &uksm_kdata.name, sizeof(*uksm_kdata.name), &err)
#define UKSM_KSYM_FUNC(name, ret, ...)                \
	bind_func(#name, #ret " (" #__VA_ARGS__ ")",  \
		  &STATIC_CALL_KEY(uksm_ksym_##name), \
		  STATIC_CALL_TRAMP_ADDR(uksm_ksym_##name), &err)
#include "compat/symbols.h"

	return err;
}
