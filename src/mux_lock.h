/* mux_lock.h: keeps video events and bindings of the same upload, asset or lesson apart. */
#ifndef CONTENT_LIBRARY_MUX_LOCK_H
#define CONTENT_LIBRARY_MUX_LOCK_H

typedef enum MuxObject
{
	MUX_UPLOAD = 1,
	MUX_ASSET,
	MUX_LESSON
} MuxObject;

extern void mux_require_read_committed(void);
extern bool mux_lock_for_event(MuxObject object, const text *id);
extern void mux_lock_for_binding(MuxObject object, const text *id);
extern void mux_lock_new_lesson(const text *id);

#endif							/* CONTENT_LIBRARY_MUX_LOCK_H */
