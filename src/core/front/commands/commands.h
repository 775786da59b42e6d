/* The handlers of the command table, by the file that holds them. Each runs one command whose arity is right. */
#ifndef GRAMME_CORE_FRONT_COMMANDS_COMMANDS_H
#define GRAMME_CORE_FRONT_COMMANDS_COMMANDS_H

#include "core/front/call.h"

/* connection.c */
void run_ping(struct call *call);
void run_echo(struct call *call);
void run_quit(struct call *call);
void run_reset(struct call *call);
void run_hello(struct call *call);
void run_auth(struct call *call);
void run_select(struct call *call);
void run_wait(struct call *call);
void run_nothing(struct call *call); /* READONLY, READWRITE, ASKING, UNWATCH: true already */

/* client.c */
void run_client_id(struct call *call);
void run_client_setname(struct call *call);
void run_client_getname(struct call *call);
void run_client_setinfo(struct call *call);
void run_client_list(struct call *call);
void run_client_kill(struct call *call);
void run_client_reply(struct call *call);
void run_client_pause(struct call *call);
void run_client_unpause(struct call *call);
void run_client_info(struct call *call);
void run_client_no_evict(struct call *call);
void run_client_no_touch(struct call *call);
/* False, with an error written, when the name has blanks or is too long. */
bool client_set_name(struct call *call, struct view name);

/* strings.c */
void run_get(struct call *call);
void run_set(struct call *call);
void run_setnx(struct call *call);
void run_setex(struct call *call);
void run_psetex(struct call *call);
void run_getset(struct call *call);
void run_getdel(struct call *call);
void run_getex(struct call *call);
void run_strlen(struct call *call);
void run_mget(struct call *call);
void run_mset(struct call *call);
void run_append(struct call *call);
void run_incr(struct call *call);
void run_decr(struct call *call);
void run_incrby(struct call *call);
void run_decrby(struct call *call);
void run_setrange(struct call *call);
void run_getrange(struct call *call); /* SUBSTR too */

/* keys.c */
void run_del(struct call *call);
void run_exists(struct call *call);
void run_type(struct call *call);
void run_ttl(struct call *call);
void run_pttl(struct call *call);
void run_expiretime(struct call *call);
void run_pexpiretime(struct call *call);
void run_expire(struct call *call);
void run_pexpire(struct call *call);
void run_expireat(struct call *call);
void run_pexpireat(struct call *call);
void run_persist(struct call *call);
void run_flushall(struct call *call); /* FLUSHDB too: there is one database */

/* publish.c */
void run_subscribe(struct call *call);
void run_unsubscribe(struct call *call);
void run_psubscribe(struct call *call);
void run_punsubscribe(struct call *call);
void run_ssubscribe(struct call *call);
void run_sunsubscribe(struct call *call);
void run_publish(struct call *call);
void run_spublish(struct call *call);

/* pubsub.c */
void run_pubsub_channels(struct call *call);
void run_pubsub_shardchannels(struct call *call);
void run_pubsub_numsub(struct call *call);
void run_pubsub_shardnumsub(struct call *call);
void run_pubsub_numpat(struct call *call);

/* listing.c */
void run_scan(struct call *call);
void run_keys(struct call *call);
void run_dbsize(struct call *call);
void run_randomkey(struct call *call);

/* latency.c */
void run_debug_sleep(struct call *call);
void run_slowlog_get(struct call *call);
void run_slowlog_len(struct call *call);
void run_slowlog_reset(struct call *call);
void run_latency_histogram(struct call *call);
void run_latency_latest(struct call *call);
void run_latency_history(struct call *call);
void run_latency_reset(struct call *call);

/* object.c */
void run_object_encoding(struct call *call);
void run_object_refcount(struct call *call);
void run_object_idletime(struct call *call);
void run_object_freq(struct call *call);
void run_memory_usage(struct call *call);

/* keyspaces.c */
void run_gramme_keyspaces(struct call *call);
void run_gramme_keyspace_set(struct call *call);
void run_gramme_keyspace_del(struct call *call);

/* members.c */
void run_gramme_members(struct call *call);
void run_gramme_members_log(struct call *call);
void run_gramme_members_change(struct call *call);
void run_gramme_members_stage(struct call *call);
void run_gramme_members_unstage(struct call *call);
void run_gramme_members_commit(struct call *call);
void run_gramme_members_seek(struct call *call);

/* versions.c */
void run_gramme_get(struct call *call);
void run_gramme_put(struct call *call);
void run_gramme_del(struct call *call);

/* explain.c */
void run_gramme_explain(struct call *call);

/* backup.c */
void run_gramme_backup(struct call *call);
void run_gramme_restore(struct call *call);

/* transaction.c */
void run_multi(struct call *call);
void run_exec(struct call *call);
void run_discard(struct call *call);

/* information.c */
void run_info(struct call *call);
void run_config_get(struct call *call);
void run_config_set(struct call *call);
void run_config_resetstat(struct call *call);
void run_config_rewrite(struct call *call);
void run_time(struct call *call);
void run_cluster(struct call *call);

/* documentation.c */
void run_command(struct call *call);
void run_command_count(struct call *call);
void run_command_docs(struct call *call);
void run_command_info(struct call *call);
void run_command_list(struct call *call);
void run_command_getkeys(struct call *call);
void run_help(struct call *call); /* of every command with subcommands */

#endif
