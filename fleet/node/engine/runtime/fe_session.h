/* SPDX-License-Identifier: Apache-2.0
 *
 * What the runtime remembers beside the client, and how it outlives a power cut.
 *
 *   fe_persist_save()      a checkpoint: everything a node needs to go on, into one of three slots
 *   fe_persist_resume()    the newest checkpoint, after a restart
 *   fe_model_choose()      which model runs: the newest slot that is not rejected, else the image's own
 *   fe_model_offer(...), fe_model_piece(...), fe_model_confirm(), fe_model_reject()
 */
#ifndef FE_SESSION_H
#define FE_SESSION_H

#include "fe_client.h"
#include "fe_message.h"
#include "fe_seal.h"
#include "fe_slot.h"

/* Counters jump over so many frames that may have been sealed after the last checkpoint; even. */
#define FE_COUNTERS_AHEAD 131072u

/* sent, heard: the last counter of frames of either side. ahead: sent may grow up to here before the next checkpoint.
 * checkpoint: sequence of the last one, at place `latest`; kept: place of the last one of the model that a restart would
 * have. Both stay while the next one is written; -1 for none. model: sequence of the model in use, 0 for the image's own;
 * back_to: of the one before, while it is on trial; model_last: the highest ever taken. since, waiting_ms: of an answer that is waited for. state: of the round. trial: the model in use is not
 * confirmed. model_at: place of the model in use, -1 for the image's own. loading: a model is
 * coming in. restart: it has come. */
typedef struct {
    fe_counter sent, heard, ahead;
    uint32_t checkpoint, model, back_to, model_last;
    uint32_t since, waiting_ms;
    fe_slot_writer writer;
    fe_slot offered;
    uint8_t state, tries, trial, loading, restart;
    int8_t latest, kept, model_at;
} fe_session;

extern fe_session fe_now;

/* Writes a checkpoint where neither the latest one is nor the one that an old model goes back to. */
fe_status fe_persist_save(void);

/* Takes counters and step from the newest checkpoint of this node, and the rest from the newest of the model in use, if
 * there is one. Belongs after fe_model_choose. */
void fe_persist_resume(void);

/* The model to start with; marks a new one as tried, and rejects one that was tried and not confirmed. A slot that this
 * image cannot run is rejected. Starts the client. */
fe_status fe_model_choose(uint32_t node);

/* A model is offered: checked, and its place erased. FE_BAD_SLOT for a sequence that is not above all others, another
 * image's model, a signature that is not the signer's, or a length that has no place. */
fe_status fe_model_offer(const fe_message *message);

/* The next bytes of it: u32 offset | bytes. What is there already is passed over. The last piece makes the slot valid. */
fe_status fe_model_piece(const fe_message *message);

/* Bytes of the offered model that are there. */
uint32_t fe_model_done(void);

/* Ends the trial of the model in use, after a checkpoint of what it learned. After fe_model_reject the node has to start again. */
fe_status fe_model_confirm(void);
fe_status fe_model_reject(void);

#endif
