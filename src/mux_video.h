/* mux_video.h: writes the videos of lessons, as events and bindings so far say. */
#ifndef CONTENT_LIBRARY_MUX_VIDEO_H
#define CONTENT_LIBRARY_MUX_VIDEO_H

#include "call.h"

extern void mux_look_up_by_key(void);
extern uint64 mux_write_videos(const Call *call, Datum lesson_ids);

#endif							/* CONTENT_LIBRARY_MUX_VIDEO_H */
