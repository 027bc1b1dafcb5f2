// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is the running kernel the one that the module was built for, in what no linker
 * checks: private structures that twin.h imitates, and prototypes of functions
 * that are called without being exported? The kernel's own BTF knows.
 */
#include "kernel/layout.h"

#include <linux/array_size.h>
#include <linux/errno.h>
#include <linux/init.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/stddef.h>
#include <linux/string.h>

#include "kernel/fault.h"
#include "kernel/ksyms.h"
#include "kernel/twin.h"
#include "pure/btf.h"

/**
 * struct twin_member - what the kernel looks at in a twin
 * @structure: name of the kernel's structure
 * @member: the kernel's name of the member, or NULL for the structure's size
 * @offset_bytes: where it is in the twin
 * @size_bytes: its size, or the structure's without our own data
 * @optional: not all kernels have it
 */
struct twin_member {
	const char *structure;
	const char *member;
	size_t offset_bytes;
	size_t size_bytes;
	bool optional;
};

#define TWIN(structure_name, twin, member_name)              \
	.structure = structure_name, .member = #member_name, \
	.offset_bytes = offsetof(struct twin, member_name),  \
	.size_bytes = sizeof_field(struct twin, member_name)
#define NODE(member) TWIN("ksm_stable_node", uksm_stable_node, member)
#define ITEM(member) TWIN("ksm_rmap_item", uksm_rmap_item, member)

static const struct twin_member twin_members[] = {
	{ .structure = "ksm_stable_node",
	  .size_bytes = offsetof(struct uksm_stable_node, domain) },
	{ NODE(hlist) },
	{ NODE(kpfn) },
	{ .structure = "ksm_rmap_item",
	  .size_bytes = sizeof(struct uksm_rmap_item) },
	{ ITEM(anon_vma) },
	{ ITEM(mm) },
	{ ITEM(address) },
	{ ITEM(linear_page_index), .optional = true },
	{ ITEM(hlist) },
};

static void __init ask_layout(struct uksm_btf_query *queries)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(twin_members); i++) {
		queries[i].what = twin_members[i].member ? UKSM_BTF_MEMBER :
							   UKSM_BTF_STRUCT;
		queries[i].name = twin_members[i].structure;
		queries[i].member = twin_members[i].member;
	}
}

static int __init check_layout(const struct uksm_btf_query *answers)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(twin_members); i++) {
		const struct twin_member *twin = &twin_members[i];
		const struct uksm_btf_query *answer = &answers[i];
		size_t offset_bytes = twin->offset_bytes;
		bool same;

		if (twin->optional && answer->error == -ENOENT)
			continue;
		if (uksm_fault("layout"))
			offset_bytes++;
		if (!twin->member)
			same = answer->size_bytes == twin->size_bytes;
		else
			same = answer->offset_bits == offset_bytes * 8 &&
			       answer->size_bits == twin->size_bytes * 8;
		if (!answer->error && same)
			continue;

		pr_err("this kernel's struct %s is not the one that the module knows (%s): refusing to load\n",
		       twin->structure, twin->member ?: "size");
		return -ENOEXEC;
	}
	return 0;
}

static void __init ask_prototypes(struct uksm_btf_query *queries)
{
	unsigned int i;

	for (i = 0; i < uksm_ksym_nr_funcs; i++) {
		queries[i].what = UKSM_BTF_FUNC;
		queries[i].name = uksm_ksym_funcs[i].name;
	}
}

static int __init check_prototypes(const struct uksm_btf_query *answers)
{
	unsigned int i;

	for (i = 0; i < uksm_ksym_nr_funcs; i++) {
		const struct uksm_ksym_func *func = &uksm_ksym_funcs[i];
		const char *prototype = func->prototype;

		if (uksm_fault("prototype"))
			prototype = "void (void *)";
		if (!answers[i].error && !strcmp(answers[i].text, prototype))
			continue;

		pr_err("this kernel's %s is %s, the module's is %s: refusing to load\n",
		       func->name,
		       answers[i].error ? "unknown" : answers[i].text,
		       prototype);
		return -EPROTO;
	}
	return 0;
}

/**
 * uksm_layout_check() - compare the module with the running kernel's BTF
 *
 * After uksm_ksyms_init(). Has no effect.
 *
 * Return: 0, or after one line in the log that says what differs
 *	-ENOEXEC: a private structure, or BTF that cannot be read;
 *	-EPROTO: a function's prototype;
 *	-ENOMEM: none of it, memory is short.
 */
int __init uksm_layout_check(void)
{
	unsigned int nr = ARRAY_SIZE(twin_members) + uksm_ksym_nr_funcs;
	struct uksm_btf_query *queries;
	struct uksm_btf btf;
	int err;

	err = uksm_btf_init(&btf, uksm_kdata.__start_BTF,
			    uksm_kdata.__stop_BTF - uksm_kdata.__start_BTF);
	if (err) {
		pr_err("cannot read this kernel's BTF (error %d): refusing to load\n",
		       err);
		return err == -ENOMEM ? -ENOMEM : -ENOEXEC;
	}
	queries = kcalloc(nr, sizeof(*queries), GFP_KERNEL);
	if (!queries) {
		err = -ENOMEM;
		goto out;
	}

	/* What was not found is told below, with its name. */
	ask_layout(queries);
	ask_prototypes(queries + ARRAY_SIZE(twin_members));
	uksm_btf_lookup(&btf, queries, nr);

	err = check_layout(queries);
	if (!err)
		err = check_prototypes(queries + ARRAY_SIZE(twin_members));
	kfree(queries);
out:
	uksm_btf_destroy(&btf);
	return err;
}
