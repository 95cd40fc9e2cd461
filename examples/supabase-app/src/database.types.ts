// database.types.ts: what "supabase gen types" says of the library; made by "npm run types".
export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[]

export type Database = {
  
  "public": {
          Tables: {
            "certificates": {
                  Row: {
                    "code": string,"completed_at": string,"course_id": string | null,"course_title": string,"expires_at": string | null,"id": string,"issued_at": string,"learner_name": string,"metadata": NonNullable<Json>,"revoked_at": string | null,"revoked_reason": string | null,"user_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "code": string,"completed_at": string,"course_id"?: string | null,"course_title": string,"expires_at"?: string | null,"id"?: string,"issued_at"?: string,"learner_name": string,"metadata"?: NonNullable<Json>,"revoked_at"?: string | null,"revoked_reason"?: string | null,"user_id": string
                  }
                  Update: {
                    "code"?: string,"completed_at"?: string,"course_id"?: string | null,"course_title"?: string,"expires_at"?: string | null,"id"?: string,"issued_at"?: string,"learner_name"?: string,"metadata"?: NonNullable<Json>,"revoked_at"?: string | null,"revoked_reason"?: string | null,"user_id"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "certificates_course_id_fkey"
      columns: ["course_id"]
isOneToOne: false
      referencedRelation: "courses"
      referencedColumns: ["id"]
    }
                  ]
                },"content_progress": {
                  Row: {
                    "completed": boolean,"completed_at": string | null,"id": string,"last_watched": string,"lesson_id": string,"position_seconds": number | null,"started_at": string | null,"user_id": string,"watched": unknown,"watched_pct": number
                  }
                  ComputedFields: never
                  Insert: {
                    "completed"?: boolean,"completed_at"?: string | null,"id"?: string,"last_watched"?: string,"lesson_id": string,"position_seconds"?: number | null,"started_at"?: string | null,"user_id": string,"watched"?: unknown,"watched_pct"?: number
                  }
                  Update: {
                    "completed"?: boolean,"completed_at"?: string | null,"id"?: string,"last_watched"?: string,"lesson_id"?: string,"position_seconds"?: number | null,"started_at"?: string | null,"user_id"?: string,"watched"?: unknown,"watched_pct"?: number
                  }
                  Relationships: [
                    {
      foreignKeyName: "content_progress_lesson_id_fkey"
      columns: ["lesson_id"]
isOneToOne: false
      referencedRelation: "lessons"
      referencedColumns: ["id"]
    }
                  ]
                },"course_prerequisites": {
                  Row: {
                    "course_id": string,"required_course_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "course_id": string,"required_course_id": string
                  }
                  Update: {
                    "course_id"?: string,"required_course_id"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "course_prerequisites_course_id_fkey"
      columns: ["course_id"]
isOneToOne: false
      referencedRelation: "courses"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "course_prerequisites_required_course_id_fkey"
      columns: ["required_course_id"]
isOneToOne: false
      referencedRelation: "courses"
      referencedColumns: ["id"]
    }
                  ]
                },"course_staff": {
                  Row: {
                    "course_id": string,"created_at": string,"role": string,"user_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "course_id": string,"created_at"?: string,"role": string,"user_id": string
                  }
                  Update: {
                    "course_id"?: string,"created_at"?: string,"role"?: string,"user_id"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "course_staff_course_id_fkey"
      columns: ["course_id"]
isOneToOne: false
      referencedRelation: "courses"
      referencedColumns: ["id"]
    }
                  ]
                },"courses": {
                  Row: {
                    "access_period": string | null,"certificate_valid_for": string | null,"completion_threshold": number | null,"created_at": string,"description": string,"id": string,"is_open": boolean,"is_published": boolean,"is_sequential": boolean,"metadata": NonNullable<Json>,"progress_by": string,"slug": string,"sort_order": number,"stage": string | null,"thumbnail_url": string | null,"tier_required": string,"title": string,"topic": string | null,"updated_at": string
                  }
                  ComputedFields: never
                  Insert: {
                    "access_period"?: string | null,"certificate_valid_for"?: string | null,"completion_threshold"?: number | null,"created_at"?: string,"description"?: string,"id"?: string,"is_open"?: boolean,"is_published"?: boolean,"is_sequential"?: boolean,"metadata"?: NonNullable<Json>,"progress_by"?: string,"slug": string,"sort_order"?: number,"stage"?: string | null,"thumbnail_url"?: string | null,"tier_required"?: string,"title": string,"topic"?: string | null,"updated_at"?: string
                  }
                  Update: {
                    "access_period"?: string | null,"certificate_valid_for"?: string | null,"completion_threshold"?: number | null,"created_at"?: string,"description"?: string,"id"?: string,"is_open"?: boolean,"is_published"?: boolean,"is_sequential"?: boolean,"metadata"?: NonNullable<Json>,"progress_by"?: string,"slug"?: string,"sort_order"?: number,"stage"?: string | null,"thumbnail_url"?: string | null,"tier_required"?: string,"title"?: string,"topic"?: string | null,"updated_at"?: string
                  }
                  Relationships: [
                    
                  ]
                },"enrollments": {
                  Row: {
                    "completed_at": string | null,"course_id": string,"enrolled_at": string,"expires_at": string | null,"granted": boolean,"id": string,"user_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "completed_at"?: string | null,"course_id": string,"enrolled_at"?: string,"expires_at"?: string | null,"granted"?: boolean,"id"?: string,"user_id": string
                  }
                  Update: {
                    "completed_at"?: string | null,"course_id"?: string,"enrolled_at"?: string,"expires_at"?: string | null,"granted"?: boolean,"id"?: string,"user_id"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "enrollments_course_id_fkey"
      columns: ["course_id"]
isOneToOne: false
      referencedRelation: "courses"
      referencedColumns: ["id"]
    }
                  ]
                },"lessons": {
                  Row: {
                    "completion_threshold": number | null,"created_at": string,"description": string,"duration_seconds": number | null,"id": string,"is_preview": boolean,"is_published": boolean,"is_required": boolean,"metadata": NonNullable<Json>,"module_id": string,"mux_asset_id": string | null,"mux_playback_id": string | null,"mux_status": string,"mux_upload_id": string | null,"progress_by": string | null,"sort_order": number,"title": string,"unlock_after": string | null,"unlock_at": string | null,"updated_at": string
                  }
                  ComputedFields: never
                  Insert: {
                    "completion_threshold"?: number | null,"created_at"?: string,"description"?: string,"duration_seconds"?: number | null,"id"?: string,"is_preview"?: boolean,"is_published"?: boolean,"is_required"?: boolean,"metadata"?: NonNullable<Json>,"module_id": string,"mux_asset_id"?: string | null,"mux_playback_id"?: string | null,"mux_status"?: string,"mux_upload_id"?: string | null,"progress_by"?: string | null,"sort_order"?: number,"title": string,"unlock_after"?: string | null,"unlock_at"?: string | null,"updated_at"?: string
                  }
                  Update: {
                    "completion_threshold"?: number | null,"created_at"?: string,"description"?: string,"duration_seconds"?: number | null,"id"?: string,"is_preview"?: boolean,"is_published"?: boolean,"is_required"?: boolean,"metadata"?: NonNullable<Json>,"module_id"?: string,"mux_asset_id"?: string | null,"mux_playback_id"?: string | null,"mux_status"?: string,"mux_upload_id"?: string | null,"progress_by"?: string | null,"sort_order"?: number,"title"?: string,"unlock_after"?: string | null,"unlock_at"?: string | null,"updated_at"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "lessons_module_id_fkey"
      columns: ["module_id"]
isOneToOne: false
      referencedRelation: "modules"
      referencedColumns: ["id"]
    }
                  ]
                },"modules": {
                  Row: {
                    "course_id": string,"created_at": string,"description": string,"id": string,"metadata": NonNullable<Json>,"sort_order": number,"title": string,"unlock_after": string | null,"unlock_at": string | null,"updated_at": string
                  }
                  ComputedFields: never
                  Insert: {
                    "course_id": string,"created_at"?: string,"description"?: string,"id"?: string,"metadata"?: NonNullable<Json>,"sort_order"?: number,"title": string,"unlock_after"?: string | null,"unlock_at"?: string | null,"updated_at"?: string
                  }
                  Update: {
                    "course_id"?: string,"created_at"?: string,"description"?: string,"id"?: string,"metadata"?: NonNullable<Json>,"sort_order"?: number,"title"?: string,"unlock_after"?: string | null,"unlock_at"?: string | null,"updated_at"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "modules_course_id_fkey"
      columns: ["course_id"]
isOneToOne: false
      referencedRelation: "courses"
      referencedColumns: ["id"]
    }
                  ]
                },"mux_bindings": {
                  Row: {
                    "asset_id": string | null,"duration_seconds": number | null,"lesson_id": string,"number": number,"playback_id": string | null,"upload_id": string | null
                  }
                  ComputedFields: never
                  Insert: {
                    "asset_id"?: string | null,"duration_seconds"?: number | null,"lesson_id": string,"number": number,"playback_id"?: string | null,"upload_id"?: string | null
                  }
                  Update: {
                    "asset_id"?: string | null,"duration_seconds"?: number | null,"lesson_id"?: string,"number"?: number,"playback_id"?: string | null,"upload_id"?: string | null
                  }
                  Relationships: [
                    {
      foreignKeyName: "mux_bindings_lesson_id_fkey"
      columns: ["lesson_id"]
isOneToOne: false
      referencedRelation: "lessons"
      referencedColumns: ["id"]
    }
                  ]
                },"mux_events": {
                  Row: {
                    "asset_id": string | null,"duration_seconds": number | null,"error": Json | null,"event_at": string,"event_id": string,"lesson_id": string | null,"object": string,"playback_ids": Json | null,"received_at": string,"status": string,"upload_id": string | null
                  }
                  ComputedFields: never
                  Insert: {
                    "asset_id"?: string | null,"duration_seconds"?: number | null,"error"?: Json | null,"event_at": string,"event_id": string,"lesson_id"?: string | null,"object": string,"playback_ids"?: Json | null,"received_at"?: string,"status": string,"upload_id"?: string | null
                  }
                  Update: {
                    "asset_id"?: string | null,"duration_seconds"?: number | null,"error"?: Json | null,"event_at"?: string,"event_id"?: string,"lesson_id"?: string | null,"object"?: string,"playback_ids"?: Json | null,"received_at"?: string,"status"?: string,"upload_id"?: string | null
                  }
                  Relationships: [
                    
                  ]
                }
          }
          Views: {
            [_ in never]: never
          }
          Functions: {
            "certificate_credential":
{ Args: { "code": string,"issuer": Json }; Returns: Json
                           },
"completion_threshold":
{ Args: { "lesson_id": string }; Returns: number
                           },
"content_library_attach":
{ Args: Record<PropertyKey, never>; Returns: undefined
                           },
"content_library_check":
{ Args: { "rows"?: boolean }; Returns: {
              "object": string,"problem": string,"remedy": string,"severity": string
            }[]
                           },
"content_library_findings":
{ Args: { "missing_auth": string }; Returns: {
              "object": string,"problem": string,"remedy": string,"severity": string
            }[]
                           },
"content_library_is_staff":
{ Args: { "course_id": string,"role": string }; Returns: boolean
                           },
"content_library_mux_latest":
{ Args: { "id": string,"object": string }; Returns: {
              "asset_id": string | null,
"duration_seconds": number | null,
"error": Json | null,
"event_at": string,
"event_id": string,
"lesson_id": string | null,
"object": string,
"playback_ids": Json | null,
"received_at": string,
"status": string,
"upload_id": string | null
            }
                          SetofOptions: {
        from: "*"
        to: "mux_events"
        isOneToOne: true
        isSetofReturn: true
      } },
"content_library_mux_policies":
{ Args: Record<PropertyKey, never>; Returns: (string)[]
                           },
"content_library_mux_read":
{ Args: { "event": Json }; Returns: Record<string, unknown>
                           },
"content_library_mux_video":
{ Args: { "asset_id": string,"lesson_id": string,"playback_id": string,"seconds": number,"upload_id": string }; Returns: {
              "duration_seconds": number,"is_known": boolean,"mux_asset_id": string,"mux_playback_id": string,"mux_status": string
            }[]
                           },
"content_library_reads_lesson":
{ Args: { "is_preview": boolean,"is_published": boolean,"module_id": string }; Returns: boolean
                           },
"content_library_sees_course":
{ Args: { "course_id": string }; Returns: boolean
                           },
"content_library_strict":
{ Args: { "enabled"?: boolean }; Returns: undefined
                           },
"continue_watching":
{ Args: { "max_rows"?: number,"user_id"?: string }; Returns: {
              "course_id": string,"course_title": string,"duration_seconds": number,"last_watched": string,"lesson_id": string,"lesson_title": string,"position_seconds": number,"watched_pct": number
            }[]
                           },
"copy_course":
{ Args: { "course_id": string,"slug": string,"title"?: string }; Returns: {
              "access_period": string | null,
"certificate_valid_for": string | null,
"completion_threshold": number | null,
"created_at": string,
"description": string,
"id": string,
"is_open": boolean,
"is_published": boolean,
"is_sequential": boolean,
"metadata": NonNullable<Json>,
"progress_by": string,
"slug": string,
"sort_order": number,
"stage": string | null,
"thumbnail_url": string | null,
"tier_required": string,
"title": string,
"topic": string | null,
"updated_at": string
            }
                          SetofOptions: {
        from: "*"
        to: "courses"
        isOneToOne: true
        isSetofReturn: false
      } },
"course_completion":
{ Args: { "course_id": string,"user_id"?: string }; Returns: number
                           },
"course_outline":
{ Args: { "course_id": string,"user_id"?: string }; Returns: Json
                           },
"course_progress":
{ Args: { "user_id"?: string }; Returns: {
              "completed_at": string,"completed_lessons": number,"completion": number,"course_id": string,"enrolled_at": string,"last_watched": string,"next_lesson_id": string,"required_lessons": number,"title": string
            }[]
                           },
"course_report":
{ Args: { "after"?: string,"course_id": string,"max_rows"?: number }; Returns: {
              "completed_at": string,"completed_lessons": number,"completion": number,"enrolled_at": string,"last_watched": string,"required_lessons": number,"user_id": string
            }[]
                           },
"course_summary":
{ Args: { "course_id": string }; Returns: {
              "active_30_days": number,"active_7_days": number,"average_completion": number,"completed": number,"completions_by_week": (number)[],"learners": number,"sampled": number
            }[]
                           },
"enroll":
{ Args: { "course_id": string,"user_id"?: string }; Returns: {
              "completed_at": string | null,
"course_id": string,
"enrolled_at": string,
"expires_at": string | null,
"granted": boolean,
"id": string,
"user_id": string
            }
                          SetofOptions: {
        from: "*"
        to: "enrollments"
        isOneToOne: true
        isSetofReturn: false
      } },
"issue_certificate":
{ Args: { "course_id": string,"learner_name": string,"metadata"?: Json,"user_id": string }; Returns: {
              "code": string,
"completed_at": string,
"course_id": string | null,
"course_title": string,
"expires_at": string | null,
"id": string,
"issued_at": string,
"learner_name": string,
"metadata": NonNullable<Json>,
"revoked_at": string | null,
"revoked_reason": string | null,
"user_id": string
            }
                          SetofOptions: {
        from: "*"
        to: "certificates"
        isOneToOne: true
        isSetofReturn: false
      } },
"lesson_report":
{ Args: { "course_id": string }; Returns: {
              "average_pct": number,"completed": number,"is_required": boolean,"lesson_id": string,"module_id": string,"started": number,"title": string
            }[]
                           },
"lesson_retention":
{ Args: { "lesson_id": string,"step_seconds"?: number }; Returns: {
              "learners": number,"second": number
            }[]
                           },
"move_lesson":
{ Args: { "before"?: string,"lesson_id": string,"module_id": string }; Returns: {
              "completion_threshold": number | null,
"created_at": string,
"description": string,
"duration_seconds": number | null,
"id": string,
"is_preview": boolean,
"is_published": boolean,
"is_required": boolean,
"metadata": NonNullable<Json>,
"module_id": string,
"mux_asset_id": string | null,
"mux_playback_id": string | null,
"mux_status": string,
"mux_upload_id": string | null,
"progress_by": string | null,
"sort_order": number,
"title": string,
"unlock_after": string | null,
"unlock_at": string | null,
"updated_at": string
            }
                          SetofOptions: {
        from: "*"
        to: "lessons"
        isOneToOne: true
        isSetofReturn: false
      } },
"move_module":
{ Args: { "before"?: string,"course_id"?: string,"module_id": string }; Returns: {
              "course_id": string,
"created_at": string,
"description": string,
"id": string,
"metadata": NonNullable<Json>,
"sort_order": number,
"title": string,
"unlock_after": string | null,
"unlock_at": string | null,
"updated_at": string
            }
                          SetofOptions: {
        from: "*"
        to: "modules"
        isOneToOne: true
        isSetofReturn: false
      } },
"mux_apply_event":
{ Args: { "event": Json }; Returns: string
                           },
"mux_begin_upload":
{ Args: { "lesson_id": string,"upload_id": string }; Returns: {
              "completion_threshold": number | null,
"created_at": string,
"description": string,
"duration_seconds": number | null,
"id": string,
"is_preview": boolean,
"is_published": boolean,
"is_required": boolean,
"metadata": NonNullable<Json>,
"module_id": string,
"mux_asset_id": string | null,
"mux_playback_id": string | null,
"mux_status": string,
"mux_upload_id": string | null,
"progress_by": string | null,
"sort_order": number,
"title": string,
"unlock_after": string | null,
"unlock_at": string | null,
"updated_at": string
            }
                          SetofOptions: {
        from: "*"
        to: "lessons"
        isOneToOne: true
        isSetofReturn: false
      } },
"mux_playback_claims":
{ Args: { "audience"?: string,"lesson_id": string,"ttl"?: string,"user_id"?: string }; Returns: Json
                           },
"mux_state":
{ Args: { "asset_id"?: string,"upload_id": string }; Returns: {
              "duration_seconds": number,"error": Json,"mux_asset_id": string,"mux_playback_id": string,"mux_status": string
            }[]
                           },
"mux_verify_signature":
{ Args: { "body": string,"checked_at"?: string,"secrets": (string)[],"signature_header": string,"tolerance"?: string }; Returns: string
                           },
"next_lesson":
{ Args: { "course_id": string,"user_id"?: string }; Returns: string
                           },
"recompute_completion":
{ Args: { "course_id": string }; Returns: number
                           },
"record_progress":
{ Args: { "lesson_id": string,"played"?: Json,"position_seconds"?: number,"user_id"?: string,"watched_pct"?: number }; Returns: Database["public"]['CompositeTypes']["recorded_progress"]
                          SetofOptions: {
        from: "*"
        to: "recorded_progress"
        isOneToOne: true
        isSetofReturn: false
      } },
"record_progress_batch":
{ Args: { "reports": Json,"skip_refused"?: boolean,"user_id"?: string }; Returns: Database["public"]['CompositeTypes']["recorded_progress"][]
                          SetofOptions: {
        from: "*"
        to: "recorded_progress"
        isOneToOne: false
        isSetofReturn: true
      } },
"reset_progress":
{ Args: { "course_id": string,"dry_run"?: boolean,"user_id"?: string }; Returns: number
                           },
"revoke_certificate":
{ Args: { "code": string,"reason": string }; Returns: {
              "code": string,
"completed_at": string,
"course_id": string | null,
"course_title": string,
"expires_at": string | null,
"id": string,
"issued_at": string,
"learner_name": string,
"metadata": NonNullable<Json>,
"revoked_at": string | null,
"revoked_reason": string | null,
"user_id": string
            }
                          SetofOptions: {
        from: "*"
        to: "certificates"
        isOneToOne: true
        isSetofReturn: false
      } },
"unenroll":
{ Args: { "course_id": string,"user_id"?: string }; Returns: {
              "completed_at": string | null,
"course_id": string,
"enrolled_at": string,
"expires_at": string | null,
"granted": boolean,
"id": string,
"user_id": string
            }
                          SetofOptions: {
        from: "*"
        to: "enrollments"
        isOneToOne: true
        isSetofReturn: false
      } },
"verify_certificate":
{ Args: { "code": string }; Returns: {
              "completed_at": string,"course_title": string,"expires_at": string,"issued_at": string,"learner_name": string,"revoked_at": string,"status": string
            }[]
                           }
          }
          Enums: {
            [_ in never]: never
          }
          CompositeTypes: {
            "recorded_progress": {
                        "id": string | null,"user_id": string | null,"lesson_id": string | null,"watched_pct": number | null,"completed": boolean | null,"last_watched": string | null,"position_seconds": number | null,"completed_at": string | null,"course_completed": boolean | null
                      }
          }
        }
}

type DatabaseWithoutInternals = Omit<Database, '__InternalSupabase'>

type DefaultSchema = DatabaseWithoutInternals[Extract<keyof Database, "public">]

export type Tables<
  DefaultSchemaTableNameOrOptions extends
    | keyof (DefaultSchema["Tables"] & DefaultSchema["Views"])
    | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals
  }
    ? keyof (DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"] &
        DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Views"])
    : never = never
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? (DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"] &
      DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Views"])[TableName] extends {
      Row: infer R
    }
    ? R
    : never
  : DefaultSchemaTableNameOrOptions extends keyof (DefaultSchema["Tables"] & DefaultSchema["Views"])
  ? (DefaultSchema["Tables"] & DefaultSchema["Views"])[DefaultSchemaTableNameOrOptions] extends {
      Row: infer R
    }
    ? R
    : never
  : never

export type TablesInsert<
  DefaultSchemaTableNameOrOptions extends
    | keyof DefaultSchema["Tables"]
    | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals
  }
    ? keyof DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"]
    : never = never
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"][TableName] extends {
      Insert: infer I
    }
    ? I
    : never
  : DefaultSchemaTableNameOrOptions extends keyof DefaultSchema["Tables"]
  ? DefaultSchema["Tables"][DefaultSchemaTableNameOrOptions] extends {
      Insert: infer I
    }
    ? I
    : never
  : never

export type TablesUpdate<
  DefaultSchemaTableNameOrOptions extends
    | keyof DefaultSchema["Tables"]
    | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals
  }
    ? keyof DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"]
    : never = never
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"][TableName] extends {
      Update: infer U
    }
    ? U
    : never
  : DefaultSchemaTableNameOrOptions extends keyof DefaultSchema["Tables"]
  ? DefaultSchema["Tables"][DefaultSchemaTableNameOrOptions] extends {
      Update: infer U
    }
    ? U
    : never
  : never

export type Enums<
  DefaultSchemaEnumNameOrOptions extends
    | keyof DefaultSchema["Enums"]
    | { schema: keyof DatabaseWithoutInternals },
  EnumName extends DefaultSchemaEnumNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals
  }
    ? keyof DatabaseWithoutInternals[DefaultSchemaEnumNameOrOptions["schema"]]["Enums"]
    : never = never
> = DefaultSchemaEnumNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaEnumNameOrOptions["schema"]]["Enums"][EnumName]
  : DefaultSchemaEnumNameOrOptions extends keyof DefaultSchema["Enums"]
  ? DefaultSchema["Enums"][DefaultSchemaEnumNameOrOptions]
  : never

export type CompositeTypes<
  PublicCompositeTypeNameOrOptions extends
    | keyof DefaultSchema["CompositeTypes"]
    | { schema: keyof DatabaseWithoutInternals },
  CompositeTypeName extends PublicCompositeTypeNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals
  }
    ? keyof DatabaseWithoutInternals[PublicCompositeTypeNameOrOptions["schema"]]["CompositeTypes"]
    : never = never
> = PublicCompositeTypeNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[PublicCompositeTypeNameOrOptions["schema"]]["CompositeTypes"][CompositeTypeName]
  : PublicCompositeTypeNameOrOptions extends keyof DefaultSchema["CompositeTypes"]
  ? DefaultSchema["CompositeTypes"][PublicCompositeTypeNameOrOptions]
  : never

export const Constants = {
  "public": {
          Enums: {
            
          }
        }
} as const
